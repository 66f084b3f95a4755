import json
import re
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from tests.webhooks_ui.events.formats.events import EXAMPLES, MANY, events, outgoing, rendered
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.message import SHORTENED
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.run.services.teams import MESSAGE_MAX_BYTES

SCHEMA = json.loads((files("adaptive_cards") / "schemas" / "schema-1.2.json").read_text())
CARD = jsonschema.Draft6Validator(SCHEMA)


def card(event_type: str, data: Any = None, **fields: Any) -> Any:
    message = rendered("teams", outgoing(event_type, data, **fields))
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    return attachment["content"]


def words(element: Any) -> list[str]:
    """Return the texts of a card as people see them, in the order of reading."""
    if isinstance(element, dict):
        runs = element["inlines"] if element.get("type") == "RichTextBlock" else []
        own = [run["text"].replace("\N{ZERO WIDTH NON-JOINER}", "") for run in runs]
        return own + [text for item in element.values() for text in words(item)]
    return [text for item in element for text in words(item)] if isinstance(element, list) else []


def test_a_card_says_what_happened_with_its_fields_environment_time_and_link() -> None:
    shown = card("license.activated", {"license_key": "ABCD-1", "identifier": "build-server-7"})
    assert words(shown["body"]) == [
        "License activated",
        "License ABCD-1 was activated on build-server-7",
        *("License key", "ABCD-1"),
        *("Device or domain", "build-server-7"),
        *("Environment", "Production"),
        *("Time", "23 Nov 2026, 10:00 UTC"),
    ]
    assert shown["body"][0]["style"] == "good"
    assert shown["actions"] == [
        {
            "type": "Action.OpenUrl",
            "title": "View delivery",
            "url": "https://portal.example.com/admin/webhook-deliveries/42",
        }
    ]


def test_names_are_text_runs_which_have_no_markup() -> None:
    nasty = "<at>Everyone</at> **bold** [click](https://evil.example) {{DATE(2026-11-23T10:00:00Z)}}"
    shown = card("license.activated", {"license_key": nasty})
    assert nasty in words(shown["body"])
    assert '"TextBlock"' not in json.dumps(shown)
    assert "FactSet" not in json.dumps(shown)
    assert "msteams" not in shown


@pytest.mark.parametrize("tag", ["<at>", "<AT>", '<at id="0">', "<<at>"])
def test_a_workflow_finds_nobody_to_mention_in_a_name(tag: str) -> None:
    name = f"{tag}owner@example.com</at>"
    shown = card("license.activated", {"license_key": name})
    assert name in words(shown["body"])
    assert not re.search(r"<at\b", json.dumps(shown), re.I)


@pytest.mark.parametrize("call", ["DATE(2026-11-23T10:00:00Z)", "DATE(2026-11-23T10:00:00-07:00, LONG)"])
@pytest.mark.parametrize("before", ["", "{", "TIME(2026-11-23T10:00:00Z)}} {{"])
def test_no_run_holds_a_function_that_shows_another_time(call: str, before: str) -> None:
    name = f"{before}{{{{{call}}}}} {{{{{call.replace('DATE', 'TIME')}}}}}"
    shown = card("license.activated", {"license_key": name})
    assert name in words(shown["body"])
    assert not re.search(r"\{\{(DATE|TIME)\(\d", json.dumps(shown))


def test_a_long_value_is_cut_and_the_card_says_so() -> None:
    shown = card("license.activated", {"license_key": "x" * 5_000})
    assert words(shown["body"])[-1] == SHORTENED
    assert max(map(len, words(shown["body"]))) == 1_000


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_the_published_schema_of_adaptive_cards_takes_each_type(event_type: str) -> None:
    assert list(CARD.iter_errors(card(event_type))) == []


def test_that_schema_refuses_a_card_with_an_unknown_action() -> None:
    shown = card("license.activated")
    shown["actions"][0].pop("url")
    assert list(CARD.iter_errors(shown))


@given(event=events())
@MANY
def test_whatever_is_in_it_a_card_fits_the_schema_and_its_size(event: Outgoing) -> None:
    body = FORMATS["teams"].render(event)
    assert len(body) <= MESSAGE_MAX_BYTES
    assert list(CARD.iter_errors(json.loads(body)["attachments"][0]["content"])) == []


@pytest.mark.parametrize("text", ["\ufffd", '"', "\\", "😀", "<", "{{DATE(2026-11-23T10:00:00Z)}}", "<at>"])
def test_a_card_of_the_longest_texts_stays_far_below_its_size(text: str) -> None:
    event = outgoing(
        "own.type", {f"{number}" * 90: text * 4_000 for number in range(20)}, link="https://x.example/" + "a" * 2_000
    )
    assert len(FORMATS["teams"].render(event)) < MESSAGE_MAX_BYTES * 0.9
