"""Each format makes a message that its service takes, of each type, and of whatever a publisher may send."""

import html
import json
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks_ui.events.formats.events import (
    CHAT,
    EXAMPLES,
    MANY,
    NASTY,
    events,
    outgoing,
    refusal,
    rendered,
    texts,
)
from webhooks_ui.events import strict_json
from webhooks_ui.events.formats import FORMATS, values
from webhooks_ui.events.formats.message import FIELDS_MAX, SHORTENED, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.text import JOINERS, one_line
from webhooks_ui.models import WebhookFormat

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
EVENT_MAX_BYTES = 256 * 1024
ONE_OF_EACH_KIND = (
    *("license.updated", "activation.failed", "product.updated", "contract.updated", "telemetry.flagged"),
    *("webhook.disabled", "delivery.failed"),
)


def test_every_format_is_there_and_the_portal_has_21_types() -> None:
    assert set(FORMATS) == set(WebhookFormat)
    assert len(EXAMPLES) == 21 + 5


@pytest.mark.parametrize("event_type", EXAMPLES)
@pytest.mark.parametrize("format", CHAT)
@pytest.mark.parametrize("is_test", [False, True])
def test_the_example_of_each_type_is_taken(format: str, event_type: str, is_test: bool) -> None:
    event = outgoing(event_type, is_test=is_test)
    assert refusal(format, event) == ""
    assert SHORTENED not in FORMATS[format].render(event).decode()


@pytest.mark.parametrize("event_type", EXAMPLES)
@pytest.mark.parametrize("format", CHAT)
def test_data_that_says_nothing_is_taken(format: str, event_type: str) -> None:
    assert refusal(format, outgoing(event_type, {}, link=None)) == ""


@pytest.mark.parametrize("format", CHAT)
@given(event=events())
@MANY
def test_no_payload_makes_an_invalid_message(format: str, event: Outgoing) -> None:
    assert refusal(format, event) == ""


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("format", CHAT)
def test_a_nasty_value_in_every_field_is_taken(format: str, value: str) -> None:
    def everywhere(example: Any) -> Any:
        if isinstance(example, dict):
            return {name: everywhere(item) for name, item in example.items()}
        return [everywhere(item) for item in example] if isinstance(example, list) else value

    for event_type in ONE_OF_EACH_KIND:
        assert refusal(format, outgoing(event_type, everywhere(EXAMPLES[event_type]))) == "", event_type


LARGE = {
    "a text of 256 KiB": '{"name": "%s"}' % ("x" * 260_000),
    "markup of 256 KiB": '{"license_key": "%s"}' % ("*<@&" * 65_000),
    "a thousand fields": json.dumps({f"field {number}": "x" * 200 for number in range(1_000)}),
    "a thousand changed fields": json.dumps({"previous": {f"{number}": "😀" * 20 for number in range(1_000)}}),
    "a hundred levels": '{"a":' * 99 + "1" + "}" * 99,
    "a hundred levels of lists": '{"flags":' + "[" * 98 + "]" * 98 + "}",
    "numbers of 300 digits": '{"activations_count": %s, "activation_limit": -%s.%s}' % (("9" * 300,) * 3),
    "a number of 200,000 digits": '{"ip_address": 0.%s}' % ("1" * 200_000),
    "names of 1,000 characters": json.dumps({"n" * 999 + str(number): number for number in range(200)}),
    "a name without characters": '{"": "", " ": {"": [""]}}',
    "names that are markup": json.dumps({"*_~`<@#>|[]()": 1, "@everyone": 2, "<!channel>": 3}),
    "labels of letters that count twice": json.dumps(
        {f"𝓐{number}" + "𝓐" * 60: "😀" * 3_000 for number in range(12)}, ensure_ascii=False
    ),
    "the longest Discord fields": json.dumps({f"𝓐{number}" + "𝓐" * 60: "*" * 1_500 for number in range(12)}),
    "many items": json.dumps({"flags": ["limit_reached"] * 5_000, "data": [[1] * 40] * 40}),
}


@pytest.mark.parametrize("what", LARGE)
@pytest.mark.parametrize("format", CHAT)
@pytest.mark.parametrize("event_type", ["license.updated", "telemetry.flagged", "own.type"])
def test_the_largest_events_are_taken_and_say_that_they_are_shortened(format: str, event_type: str, what: str) -> None:
    event = outgoing(event_type, literal=LARGE[what])
    assert len(event.body) < EVENT_MAX_BYTES
    started = time.thread_time()
    assert refusal(format, event) == ""
    assert time.thread_time() - started < 2, "a message takes long to make"
    if what in ("a text of 256 KiB", "markup of 256 KiB") and event_type == "license.updated":
        assert SHORTENED in FORMATS[format].render(event).decode()


@pytest.mark.parametrize("format", CHAT)
def test_fields_above_the_limit_are_left_out_and_the_message_says_so(format: str) -> None:
    some = outgoing("own.type", {f"field {number}": "value" for number in range(FIELDS_MAX)})
    more = outgoing("own.type", {f"field {number}": "value" for number in range(FIELDS_MAX + 1)})
    assert SHORTENED not in json.dumps(rendered(format, some))
    assert SHORTENED in json.dumps(rendered(format, more))
    assert f"Field {FIELDS_MAX - 1}" in json.dumps(rendered(format, more))
    assert f"Field {FIELDS_MAX}" not in json.dumps(rendered(format, more))


@pytest.mark.parametrize("format", CHAT)
@given(text=texts)
@MANY
def test_all_attempts_send_the_same(format: str, text: str) -> None:
    event = outgoing("license.updated", {"license_key": text, "previous": {"status": text}})
    assert FORMATS[format].render(event) == FORMATS[format].render(event)


@given(event=events())
@MANY
def test_the_json_and_the_data_of_cloudevents_are_what_was_published(event: Outgoing) -> None:
    assert FORMATS[WebhookFormat.JSON].render(event) == event.body
    published = strict_json.load_members(event.body)["data"].text
    assert strict_json.load_members(FORMATS[WebhookFormat.CLOUDEVENTS].render(event))["data"].text == published


@given(event=events())
@MANY
def test_a_message_has_texts_on_one_line_that_people_can_see(event: Outgoing) -> None:
    message = message_of(event)
    texts = [message.title, message.sentence, *(text for field in message.fields for text in field)]
    unseen = {character for text in texts for character in text if unicodedata.category(character) in UNSEEN}
    assert unseen <= set(JOINERS)
    assert all(field.label and field.value for field in message.fields)


@pytest.mark.parametrize("format", CHAT)
@given(name=st.sampled_from(("license_key", "identifier")), text=st.text(min_size=1, max_size=100))
@MANY
def test_names_from_customers_are_in_the_message(format: str, name: str, text: str) -> None:
    """Whatever a name is, its letters and digits arrive in the order in which they were."""
    sent = "".join(part for part in text if part.isascii() and part.isalnum())
    message = json.dumps(rendered(format, outgoing("license.activated", {name: text})), ensure_ascii=False)
    written = (message, html.unescape(message))  # Slack wants &, < and > as entities
    assert any(sent in "".join(part for part in text if part.isascii() and part.isalnum()) for text in written)


@pytest.mark.parametrize("format", ["slack", "discord", "teams"])
def test_of_a_large_change_no_more_is_read_than_a_message_can_hold(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that writes it makes all requests of a worker."""
    read: list[int] = []

    def note(text: str) -> str:
        read.append(len(text))
        return one_line(text)

    monkeypatch.setattr(values, "one_line", note)
    names = [f"field{number}" for number in range(20)]
    after = {name: ["y" * 4_000, "z" * 4_000] for name in names}
    rendered(format, outgoing("license.updated", {**after, "previous": dict.fromkeys(names, "x" * 4_000)}))
    assert 0 < sum(read) < 2 * (FIELDS_MAX + 2) * values.TEXT_MAX_CHARACTERS
