"""The stand-in for Discord refuses what Discord refuses, rule by rule."""

import json
from typing import Any

import pytest

from webhooks_ui.run.services.discord import answer


def message(**embed: Any) -> dict[str, Any]:
    return {"embeds": [{"title": "x"} | embed], "allowed_mentions": {"parse": []}}


def fields(count: int, name: str = "x", value: str = "x", **more: Any) -> dict[str, Any]:
    return message(fields=[{"name": name, "value": value, **more}] * count)


@pytest.mark.parametrize(
    "sent",
    [
        {"content": "x" * 2_000, "allowed_mentions": {"parse": []}},
        message(title="x" * 256, description="x" * 4_096),
        message(color=0xFFFFFF, url="https://example.com/1", timestamp="2026-11-23T10:00:00+00:00"),
        message(url="http://192.0.2.7:8000/1"),
        message(footer={"text": "x" * 2_048}),
        fields(25),
        fields(1, "x" * 256, "x" * 1_024, inline=True),
        {"embeds": [{"title": "x"}] * 10, "allowed_mentions": {"parse": []}},
        message(title="x", fields=[{"name": "x", "value": "x" * 998}] * 6, description="x" * 5),
    ],
)
def test_what_discord_takes(sent: Any) -> None:
    taken = answer(json.dumps(sent).encode())
    assert (taken.code, taken.broken) == (204, "")


@pytest.mark.parametrize(
    ("sent", "code", "rule"),
    [
        ({}, 50006, "neither content nor embeds"),
        ({"content": "", "embeds": []}, 50006, "neither content nor embeds"),
        ({"id": "evt_1", "type": "license.created", "data": {}}, 50006, "neither content nor embeds"),
        ([], 50109, "no object"),
        (message() | {"allowed_mentions": {"parse": ["everyone"]}}, 50035, "notify people"),
        ({"content": "x"}, 50035, "notify people"),
        (message() | {"content": "x" * 2_001}, 50035, "2001 characters"),
        (message() | {"username": 7}, 50035, "wrong type"),
        (message() | {"blocks": []}, 50035, "message.blocks is unknown"),
        ({"embeds": [{"title": "x"}] * 11, "allowed_mentions": {"parse": []}}, 50035, "11 items"),
        ({"embeds": [{"color": 1}], "allowed_mentions": {"parse": []}}, 50035, "is empty"),
        (message(title="x" * 257), 50035, "257 characters"),
        (message(title="  "), 50035, "0 characters"),
        (message(description="x" * 4_097), 50035, "4097 characters"),
        (message(color=0x1000000), 50035, "color is out of range"),
        (message(color=-1), 50035, "color is out of range"),
        (message(color=True), 50035, "wrong type"),
        (message(url="javascript:alert(1)"), 50035, "no web address"),
        (message(url="https://example.com/a b"), 50035, "no web address"),
        (message(url="http://portal:8000/1"), 50035, "host without a dot"),
        (message(url="http://[::1]/1"), 50035, "host without a dot"),
        (message(url="https://example.com/" + "x" * 2_048), 50035, "characters"),
        (message(timestamp="yesterday"), 50035, "no ISO 8601"),
        (message(timestamp="2026-11-23T10:00:00"), 50035, "no zone"),
        (message(footer={"text": "x" * 2_049}), 50035, "2049 characters"),
        (message(footer={"text": ""}), 50035, "0 characters"),
        (message(footer={}), 50035, "footer.text is missing"),
        (fields(26), 50035, "26 items"),
        (fields(1, name="x" * 257), 50035, "257 characters"),
        (fields(1, name=""), 50035, "0 characters"),
        (fields(1, value="x" * 1_025), 50035, "1025 characters"),
        (fields(1, value=" \n"), 50035, "0 characters"),
        (fields(1, inline="yes"), 50035, "wrong type"),
        (fields(1, colour="red"), 50035, "colour is unknown"),
        (message(fields=[{"name": "x"}]), 50035, "value is missing"),
        (message(fields=[{"name": "x", "value": "x" * 1_000}] * 6), 50035, "may have 6000"),
    ],
)
def test_what_discord_refuses(sent: Any, code: int, rule: str) -> None:
    refused = answer(json.dumps(sent).encode())
    assert (refused.code, json.loads(refused.body)["code"]) == (400, code)
    assert rule in refused.broken


def test_characters_outside_the_basic_plane_count_twice() -> None:
    assert answer(json.dumps(message(title="😀" * 128)).encode()).broken == ""
    assert "258 characters" in answer(json.dumps(message(title="😀" * 129)).encode()).broken
