"""A stand-in for a workflow of Microsoft Teams that posts the adaptive cards that it gets.

It answers 202 to every JSON object, and then posts the message or not. What it did is in ``broken``.
Source: learn.microsoft.com, "Create incoming webhooks with Workflows" (attachments, size), "Adaptive cards" 1.2 and
"Designing Adaptive Cards for Teams" (elements); github.com/microsoft/AdaptiveCards, issue 9282 (mentions).
"""

import json
import re
from typing import Any

from webhooks_ui.run.services.rules import Answer, Broken, check_count, check_fields, check_text, check_url, read

MESSAGE_MAX_BYTES = 28 * 1024
ACTIONS_MAX = 6
TITLE_MAX_CHARACTERS = 200
CARD_TYPE = "application/vnd.microsoft.card.adaptive"
VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")
STYLES = ("default", "emphasis", "good", "attention", "warning", "accent")
SPACINGS = ("default", "none", "small", "medium", "large", "extraLarge", "padding")
SIZES = ("default", "small", "medium", "large", "extraLarge")
WEIGHTS = ("default", "lighter", "bolder")
_MENTION = re.compile(r"<at\b", re.I)


def answer(body: bytes) -> Answer:
    """Answer the request as the workflow does."""
    try:
        message = read(body)
    except Broken as error:
        text = {"error": {"code": "InvalidRequestContent", "message": "The request content is not valid JSON."}}
        return Answer(400, json.dumps(text).encode(), broken=str(error))
    try:
        _check(message, len(body))
    except Broken as error:
        return Answer(202, broken=str(error))
    return Answer(202)


def _check(message: dict[str, Any], size: int) -> None:
    if size > MESSAGE_MAX_BYTES:
        raise Broken(f"The message has {size} bytes, and may have {MESSAGE_MAX_BYTES}")
    check_fields("message", message, {"type": str, "attachments": list}, {"summary": str})
    if message["type"] != "message":
        raise Broken("message.type is not message")
    check_count("attachments", message["attachments"], 10)
    for number, attachment in enumerate(message["attachments"]):
        here = f"attachments[{number}]"
        check_fields(here, attachment, {"contentType": str, "content": dict}, {"contentUrl": (str, type(None))})
        if attachment["contentType"] != CARD_TYPE:
            raise Broken(f"{here}.contentType is not {CARD_TYPE}")
        _check_card(f"{here}.content", attachment["content"])


def _check_card(place: str, card: Any) -> None:
    optional = {"$schema": str, "actions": list, "fallbackText": str, "msteams": dict}
    check_fields(place, card, {"type": str, "version": str, "body": list}, optional)
    if card["type"] != "AdaptiveCard" or card["version"] not in VERSIONS:
        raise Broken(f"{place} is no adaptive card that Teams knows")
    check_count(f"{place}.body", card["body"], 200)
    for number, element in enumerate(card["body"]):
        _check_element(f"{place}.body[{number}]", element)
    actions = card.get("actions", [])
    check_count(f"{place}.actions", actions, ACTIONS_MAX, least=0)
    for number, action in enumerate(actions):
        here = f"{place}.actions[{number}]"
        check_fields(here, action, {"type": str, "title": str, "url": str})
        _check_word(f"{here}.type", action["type"], ("Action.OpenUrl",))
        check_text(f"{here}.title", action["title"], TITLE_MAX_CHARACTERS)
        check_url(f"{here}.url", action["url"], MESSAGE_MAX_BYTES)


def _check_element(place: str, element: Any) -> None:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind == "Container":
        check_fields(place, element, {"type": str, "items": list}, {"style": str, "bleed": bool, "spacing": str})
        _check_word(f"{place}.style", element.get("style", "default"), STYLES)
        _check_elements(f"{place}.items", element["items"])
    elif kind == "ColumnSet":
        check_fields(place, element, {"type": str, "columns": list}, {"spacing": str})
        _check_word(f"{place}.spacing", element.get("spacing", "default"), SPACINGS)
        for number, column in enumerate(element["columns"]):
            here = f"{place}.columns[{number}]"
            check_fields(here, column, {"items": list}, {"type": str, "width": (str, int)})
            _check_elements(f"{here}.items", column["items"])
    elif kind == "RichTextBlock":
        check_fields(place, element, {"type": str, "inlines": list}, {"spacing": str})
        check_count(f"{place}.inlines", element["inlines"], 100)
        for number, inline in enumerate(element["inlines"]):
            _check_run(f"{place}.inlines[{number}]", inline)
    else:
        raise Broken(f"{place}.type is {kind!r}")


def _check_elements(place: str, elements: list[Any]) -> None:
    check_count(place, elements, 100)
    for number, element in enumerate(elements):
        _check_element(f"{place}[{number}]", element)


def _check_run(place: str, run: Any) -> None:
    check_fields(place, run, {"type": str, "text": str}, {"weight": str, "size": str, "isSubtle": bool, "color": str})
    _check_word(f"{place}.type", run["type"], ("TextRun",))
    check_text(f"{place}.text", run["text"], MESSAGE_MAX_BYTES)
    if _MENTION.search(run["text"]):
        raise Broken(f"{place}.text has a mention of a person")
    _check_word(f"{place}.weight", run.get("weight", "default"), WEIGHTS)
    _check_word(f"{place}.size", run.get("size", "default"), SIZES)


def _check_word(place: str, word: str, known: tuple[str, ...]) -> None:
    if word.lower() not in {name.lower() for name in known}:
        raise Broken(f"{place} is {word!r}")
