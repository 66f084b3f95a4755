import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.webhooks_ui.events.formats.events import MANY, NASTY, outgoing, rendered, texts
from webhooks_ui.events.formats.discord import ALL_MAX_CHARACTERS, VALUE_MAX_CHARACTERS, escaped
from webhooks_ui.events.formats.message import SHORTENED
from webhooks_ui.events.formats.text import one_line, units

# What must not stand in a text without a backslash before it
MARKUP = re.compile(r"[*_~|`<\[@]|:(?=\S)")


def embed(event_type: str, data: Any = None, **fields: Any) -> Any:
    message = rendered("discord", outgoing(event_type, data, **fields))
    assert message["allowed_mentions"] == {"parse": []}
    (only,) = message["embeds"]
    return only


def test_a_message_says_what_happened_with_its_fields_environment_time_and_link() -> None:
    shown = embed("license.activated", {"license_key": "ABCD-1", "identifier": "build-server-7"})
    assert shown == {
        "title": "License activated",
        "description": "License ABCD-1 was activated on build-server-7",
        "color": 0x2E9F6B,
        "url": "https://portal.example.com/admin/webhook-deliveries/42",
        "timestamp": "2026-11-23T10:00:00+00:00",
        "fields": [
            {"name": "License key", "value": "ABCD-1", "inline": True},
            {"name": "Device or domain", "value": "build-server-7", "inline": True},
            {"name": "Environment", "value": "Production", "inline": True},
        ],
    }


@pytest.mark.parametrize(
    ("portal", "is_linked"),
    [
        ("https://portal.example.com", True),
        ("http://192.0.2.7:8000", True),
        ("http://portal:8000", False),
        ("http://portal.:8000", False),
        ("http://[2001:db8::7]", False),
    ],
)
def test_a_portal_to_which_discord_takes_no_link_has_messages_without_one(portal: str, is_linked: bool) -> None:
    link = f"{portal}/admin/webhook-deliveries/42"
    assert embed("license.activated", link=link).get("url") == (link if is_linked else None)


def plain(written: str) -> str:
    """Return a text without the backslashes that escape."""
    return re.sub(r"\\(.)", r"\1", written, flags=re.S)


@given(text=texts)
@MANY
def test_what_is_escaped_has_no_markup_and_reads_as_it_was(text: str) -> None:
    written = "".join(escaped(one_line(text)))
    assert plain(written) == one_line(text)
    bare = re.sub(r"\\.", "", written, flags=re.S)
    assert "\\" not in bare
    assert not re.search(r"[*_~|`<\[@]", bare)
    assert not re.match(r"[#>]|[-+] |\d+\. |-#", written)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("@everyone", r"\@everyone"),
        ("<@&123>", r"\<\@&123>"),
        ("*a* __b__", r"\*a\* \_\_b\_\_"),
        ("https://evil.example", r"https\://evil.example"),
        ("# heading", r"\# heading"),
        ("> quoted", r"\> quoted"),
        ("-# small", r"\-# small"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        (":smile: 10:30", r"\:smile: 10\:30"),
        ("C:\\temp", r"C\:\\temp"),
        ("no markup #1 - at all > 2", "no markup #1 - at all > 2"),
    ],
)
def test_markup_is_text(text: str, written: str) -> None:
    assert "".join(escaped(text)) == written


def test_a_long_value_is_cut_but_not_between_a_backslash_and_its_character() -> None:
    shown = embed("license.activated", {"license_key": "*" * 3_000})
    value = shown["fields"][0]["value"]
    assert units(value) <= VALUE_MAX_CHARACTERS
    assert re.fullmatch(r"(\\\*)+…", value)
    assert shown["footer"] == {"text": SHORTENED}


def test_all_texts_together_stay_below_the_limit_even_if_each_is_as_long_as_it_may_be() -> None:
    data = {f"𝓐{number}" + "𝓐" * 60: "😀" * 3_000 for number in range(20)}
    shown = embed("own.type", data)
    texts = [shown["title"], shown["description"], shown["footer"]["text"]]
    texts += [text for field in shown["fields"] for text in (field["name"], field["value"])]
    assert sum(map(units, texts)) <= ALL_MAX_CHARACTERS
    assert shown["footer"] == {"text": SHORTENED}


def test_a_time_before_1970_is_told_in_words() -> None:
    shown = embed("license.created", at=datetime(1950, 1, 2, 3, 4, tzinfo=UTC))
    assert "timestamp" not in shown
    assert shown["fields"][-1] == {"name": "Time", "value": "2 Jan 1950, 03:04 UTC", "inline": True}


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_the_title_and_the_names_of_fields_have_no_markup(value: str) -> None:
    shown = embed("own.type", {value: "1", "name": value})
    assert not any(MARKUP.search(field["name"]) for field in shown["fields"])
    assert shown["title"] == "Own type"
