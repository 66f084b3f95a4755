import html
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from slack_sdk.models.blocks import Block

from tests.webhooks_ui.events.formats.events import EXAMPLES, MANY, outgoing, rendered, texts
from webhooks_ui.events.formats.message import SHORTENED
from webhooks_ui.events.formats.slack import FIELD_MAX_CHARACTERS, escaped


def slack(event_type: str, data: Any = None, **fields: Any) -> Any:
    return rendered("slack", outgoing(event_type, data, **fields))


def test_a_message_says_what_happened_with_its_fields_environment_time_and_link() -> None:
    message = slack("license.activated", {"license_key": "ABCD-1", "identifier": "build-server-7"})
    sentence = "License ABCD-1 was activated on build-server-7"
    assert message["text"] == sentence
    header, section, fields, context = message["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "🟢 License activated", "emoji": True}
    assert section["text"] == {"type": "plain_text", "text": sentence, "emoji": False}
    assert [cell["text"] for cell in fields["fields"]] == [
        "*License key*", "ABCD-1", "*Device or domain*", "build-server-7",
    ]  # fmt: skip
    assert [element["text"] for element in context["elements"]] == [
        "Production",
        "<!date^1795428000^{date_short_pretty} at {time}|23 Nov 2026, 10:00 UTC>",
        "<https://portal.example.com/admin/webhook-deliveries/42|View delivery>",
    ]


def test_mentions_links_and_markup_in_names_are_text() -> None:
    message = slack("license.activated", {"license_key": "<!channel> & <https://evil.example|x> *b* _i_ :smile:"})
    escaped_key = "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt; *b* _i_ :smile:"
    assert message["text"] == f"License {escaped_key} was activated"
    assert message["mrkdwn"] is False
    key = message["blocks"][2]["fields"][1]
    assert key == {"type": "plain_text", "text": escaped_key, "emoji": False}


@given(text=texts)
@MANY
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    written = "".join(escaped(text))
    assert "<" not in written
    assert ">" not in written
    assert written.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text
    assert html.unescape("".join(escaped("a & b < c"))) == "a & b < c"


def test_a_long_value_is_cut_between_entities_and_the_message_says_so() -> None:
    message = slack("license.activated", {"license_key": "&" * 5_000})
    value = message["blocks"][2]["fields"][1]["text"]
    assert len(value) <= FIELD_MAX_CHARACTERS
    assert value.replace("&amp;", "") == "…"
    assert message["blocks"][-1]["elements"][-1]["text"] == SHORTENED


def test_a_time_before_1970_is_told_in_words() -> None:
    message = slack("license.created", at=datetime(1950, 1, 2, 3, 4, tzinfo=UTC))
    assert message["blocks"][-1]["elements"][1]["text"] == "2 Jan 1950, 03:04 UTC"


def test_without_the_portals_address_there_is_no_link() -> None:
    assert "View delivery" not in str(slack("license.created", link=None))


def test_a_test_event_says_so() -> None:
    assert slack("license.created", is_test=True)["blocks"][0]["text"]["text"] == "🟢 Test: License created"


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_slacks_own_library_reads_the_blocks(event_type: str) -> None:
    sent = slack(event_type)["blocks"]
    read = Block.parse_all(sent)
    assert [block.to_dict()["type"] for block in read] == [block["type"] for block in sent]
    for block in read:
        block.validate_json()
