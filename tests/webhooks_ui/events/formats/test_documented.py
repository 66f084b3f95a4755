"""docs/formats.md shows what is really sent, and names each answer that ends a webhook."""

import json
import re

import pytest

from config import ROOT
from tests.webhooks_ui.events.formats.events import outgoing, rendered
from webhooks_ui.events.formats import FORMATS, answers
from webhooks_ui.events.formats.message import SHORTENED

DOCUMENT = (ROOT / "docs" / "formats.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT, re.S)]


@pytest.mark.parametrize(("place", "format"), list(enumerate(["json", "slack", "discord", "teams", "cloudevents"])))
def test_the_examples_are_what_is_sent(place: int, format: str) -> None:
    event = outgoing("license.activated", {"license_key": "ABCD-1234", "identifier": "build-server-7"})
    assert EXAMPLES[place] == rendered(format, event)


def test_each_answer_that_ends_a_webhook_is_named() -> None:
    words = [*answers._SLACK_GONE, *map(str, answers._DISCORD_GONE), *answers._TEAMS_GONE]
    assert [word for word in words if word not in DOCUMENT] == []


def test_the_formats_their_rate_limits_and_the_note_are_named() -> None:
    for name, format in FORMATS.items():
        row = re.search(rf"^\| `{name}`.*$", DOCUMENT, re.M)
        assert row, name
        assert format.rate[0] is None or f"{format.rate[0]} request" in row[0]
        assert ("| yes |" in row[0]) is format.is_signed
    assert SHORTENED in " ".join(DOCUMENT.split())
