"""The stand-in for Slack refuses what Slack refuses, rule by rule."""

import json
from typing import Any

import pytest

from webhooks_ui.run.services.slack import answer

SECTION = {"type": "section", "text": {"type": "plain_text", "text": "x"}}


def section(**text: Any) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x"} | text}]}


def cells(count: int, characters: int = 1) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "fields": [{"type": "plain_text", "text": "x" * characters}] * count}]}


def context(count: int) -> dict[str, Any]:
    return {"blocks": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * count}]}


def header(characters: int, kind: str = "plain_text") -> dict[str, Any]:
    return {"blocks": [{"type": "header", "text": {"type": kind, "text": "x" * characters}}]}


@pytest.mark.parametrize(
    "message",
    [
        {"text": "x"},
        {"text": "x" * 40_000},
        {"text": "a &amp; b &lt;!channel&gt;"},
        {"text": "x", "blocks": [SECTION] * 50},
        {"text": "x", "mrkdwn": False, "unfurl_links": False, "unfurl_media": False},
        section(text="x" * 3_000),
        section(text="<https://example.com/a?b=1&amp;c=2|View> <!date^1795428000^{date_short}|23 Nov>"),
        cells(10, 2_000),
        context(10),
        header(150),
        {"blocks": [{"type": "divider"}]},
    ],
)
def test_what_slack_takes(message: Any) -> None:
    taken = answer(json.dumps(message).encode())
    assert (taken.code, taken.body, taken.broken) == (200, b"ok", "")


@pytest.mark.parametrize(
    ("message", "word", "rule"),
    [
        ({}, "no_text", "neither text nor blocks"),
        ({"text": ""}, "no_text", "neither text nor blocks"),
        ({"id": "evt_1", "type": "license.created", "data": {}}, "no_text", "neither text nor blocks"),
        ([], "invalid_payload", "no object"),
        ({"text": 7}, "invalid_payload", "wrong type"),
        ({"text": "x", "color": "red"}, "invalid_payload", "message.color is unknown"),
        ({"text": "x" * 40_001}, "invalid_payload", "40001 characters"),
        ({"text": "<!channel>"}, "invalid_payload", "control sequence <!channel>"),
        ({"text": "<@U123>"}, "invalid_payload", "control sequence"),
        ({"text": "a < b"}, "invalid_payload", "control sequence"),
        ({"text": "a > b"}, "invalid_payload", "bare >"),
        ({"text": "a & b"}, "invalid_payload", "bare &"),
        ({"text": "x", "blocks": []}, "invalid_blocks", "0 items"),
        ({"text": "x", "blocks": [SECTION] * 51}, "invalid_blocks", "51 items"),
        ({"text": "x", "blocks": ["x"]}, "invalid_blocks", "type is None"),
        ({"blocks": [{"type": "marquee"}]}, "invalid_blocks", "type is 'marquee'"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks", "neither text nor fields"),
        (section(text=""), "invalid_blocks", "0 characters"),
        (section(text="x" * 3_001), "invalid_blocks", "3001 characters"),
        (section(type="html"), "invalid_blocks", "must be plain_text or mrkdwn"),
        (section(emoji=True), "invalid_blocks", "other type of text"),
        (section(type="plain_text", verbatim=True), "invalid_blocks", "other type of text"),
        (section(text="<javascript:alert(1)|x>"), "invalid_blocks", "control sequence"),
        (section(text="<!date^x^{date}|x>"), "invalid_blocks", "control sequence"),
        (section(text=f"<https://example.com/{'x' * 3_000}|x>"), "invalid_blocks", "characters"),
        (cells(0), "invalid_blocks", "0 items"),
        (cells(11), "invalid_blocks", "11 items"),
        (cells(1, 2_001), "invalid_blocks", "2001 characters"),
        (context(0), "invalid_blocks", "0 items"),
        (context(11), "invalid_blocks", "11 items"),
        (header(151), "invalid_blocks", "151 characters"),
        (header(1, "mrkdwn"), "invalid_blocks", "must be plain_text"),
    ],
)
def test_what_slack_refuses(message: Any, word: str, rule: str) -> None:
    refused = answer(json.dumps(message).encode())
    assert (refused.code, refused.body) == (400, word.encode())
    assert rule in refused.broken


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"text": "x"', b"payload=%7B%7D"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert answer(body).body == b"invalid_payload"
