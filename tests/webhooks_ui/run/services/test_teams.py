"""The stand-in for a workflow of Teams posts only what Teams shows. It answers 202 to the rest, as a workflow does."""

import json
from typing import Any

import pytest

from webhooks_ui.run.services.teams import answer


def message(content: Any = None, **attachment: Any) -> dict[str, Any]:
    card = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content or card_of(),
    }
    return {"type": "message", "attachments": [card | attachment]}


def card_of(*body: Any, **card: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "version": "1.2", "body": list(body) or [text()]} | card


def text(**run: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "x"} | run]}


def action(**action: Any) -> Any:
    opened = {"type": "Action.OpenUrl", "title": "View", "url": "https://example.com/"} | action
    return message(card_of(actions=[opened]))


@pytest.mark.parametrize(
    "sent",
    [
        message(),
        message(card_of(text(weight="Bolder", size="Medium", isSubtle=True))),
        message(card_of({"type": "Container", "style": "good", "items": [text()]})),
        message(card_of({"type": "ColumnSet", "columns": [{"type": "Column", "width": 1, "items": [text()]}]})),
        action(),
    ],
)
def test_what_teams_posts(sent: Any) -> None:
    taken = answer(json.dumps(sent).encode())
    assert (taken.code, taken.broken) == (202, "")


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ({"id": "evt_1", "type": "license.created", "data": {}}, "attachments is missing"),
        ({"text": "x"}, "type is missing"),
        (message() | {"type": "event"}, "message.type is not message"),
        (message() | {"text": "x"}, "message.text is unknown"),
        ({"type": "message", "attachments": []}, "0 items"),
        ({"type": "message", "attachments": [{}]}, "contentType is missing"),
        (message(contentType="application/json"), "contentType is not"),
        (message(contentUrl=7), "wrong type"),
        (message(content="x"), "wrong type"),
        (message(card_of(type="MessageCard")), "no adaptive card"),
        (message(card_of(version="9.0")), "no adaptive card"),
        (message(card_of(body=[])), "0 items"),
        (message(card_of(color="red")), "color is unknown"),
        (message(card_of(*[text()] * 201)), "201 items"),
        (message(card_of("x")), "type is None"),
        (message(card_of({"type": "TextBlock", "text": "*x*"})), "type is 'TextBlock'"),
        (message(card_of(text(text=""))), "0 characters"),
        (message(card_of(text(text="<AT>owner@example.com</AT>"))), "a mention"),
        (message(card_of(text(weight="heavy"))), "is 'heavy'"),
        (message(card_of(text(size="huge"))), "is 'huge'"),
        (message(card_of(text(type="Text"))), "is 'Text'"),
        (message(card_of({"type": "RichTextBlock", "inlines": []})), "0 items"),
        (message(card_of({"type": "Container", "items": []})), "0 items"),
        (message(card_of({"type": "Container", "items": [text()], "style": "pink"})), "is 'pink'"),
        (message(card_of({"type": "ColumnSet", "columns": [{"items": []}]})), "0 items"),
        (message(card_of({"type": "ColumnSet", "columns": [], "spacing": "wide"})), "is 'wide'"),
        (action(url="javascript:alert(1)"), "no web address"),
        (action(title=""), "0 characters"),
        (action(title="x" * 201), "201 characters"),
        (action(type="Action.Submit"), "is 'Action.Submit'"),
        (message(card_of(actions=action()["attachments"][0]["content"]["actions"] * 7)), "7 items"),
        (message(card_of(text(text="x" * 28_672))), "may have 28672"),
    ],
)
def test_what_teams_drops(sent: Any, rule: str) -> None:
    dropped = answer(json.dumps(sent).encode())
    assert dropped.code == 202
    assert rule in dropped.broken


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    refused = answer(body)
    assert (refused.code, json.loads(refused.body)["error"]["code"]) == (400, "InvalidRequestContent")
