"""A stand-in for an incoming webhook of Slack.

Source: docs.slack.dev, "Block Kit" (blocks, text object), "Formatting message text", "Sending messages using incoming
webhooks" (errors).
"""

import re
from typing import Any

from webhooks_ui.run.services.rules import Answer, Broken, check_count, check_fields, check_text, check_url, read

BLOCKS_MAX = 50
MESSAGE_MAX_CHARACTERS = 40_000
TEXT_MAX_CHARACTERS = 3_000
HEADER_MAX_CHARACTERS = 150
FIELDS_MAX, FIELD_MAX_CHARACTERS = 10, 2_000
ELEMENTS_MAX = 10
URL_MAX_CHARACTERS = 3_000
OPTIONS = {
    "blocks": list,
    "attachments": list,
    "mrkdwn": bool,
    "unfurl_links": bool,
    "unfurl_media": bool,
    "thread_ts": str,
    "text": str,
}
# What may stand between < and >: a link or a date, each with words. Others mention people or channels.
_CONTROL = re.compile(r"https?://[^|\s]+\|[^|]+|!date\^\d+\^[^|^]+(\^https?://[^|\s]+)?\|[^|]+")
_ENTITY = re.compile(r"&(?!(amp|lt|gt);)")


def answer(body: bytes) -> Answer:
    """Answer the request as Slack does."""
    try:
        message = read(body)
    except Broken as error:
        return _refuse("invalid_payload", error)
    if not message.get("text") and not message.get("blocks") and not message.get("attachments"):
        return _refuse("no_text", Broken("There is neither text nor blocks nor attachments"))
    try:
        check_fields("message", message, {}, OPTIONS)
        _check_markup("text", message.get("text", ""))
        check_text("text", message.get("text", ""), MESSAGE_MAX_CHARACTERS, least=0)
    except Broken as error:
        return _refuse("invalid_payload", error)
    try:
        blocks = message.get("blocks", [{"type": "divider"}])
        check_count("blocks", blocks, BLOCKS_MAX)
        for number, block in enumerate(blocks):
            _check_block(f"blocks[{number}]", block)
    except Broken as error:
        return _refuse("invalid_blocks", error)
    return Answer(200, b"ok", "text/html")


def _refuse(word: str, error: Broken) -> Answer:
    return Answer(400, word.encode(), "text/html", str(error))


def _check_block(place: str, block: Any) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "header":
        check_fields(place, block, {"type": str, "text": dict}, {"block_id": str})
        _check_text_object(f"{place}.text", block["text"], HEADER_MAX_CHARACTERS, ("plain_text",))
    elif kind == "section":
        check_fields(place, block, {"type": str}, {"text": dict, "fields": list, "block_id": str, "expand": bool})
        if "text" not in block and "fields" not in block:
            raise Broken(f"{place} has neither text nor fields")
        if "text" in block:
            _check_text_object(f"{place}.text", block["text"], TEXT_MAX_CHARACTERS)
        if "fields" in block:
            check_count(f"{place}.fields", block["fields"], FIELDS_MAX)
            for number, field in enumerate(block["fields"]):
                _check_text_object(f"{place}.fields[{number}]", field, FIELD_MAX_CHARACTERS)
    elif kind == "context":
        check_fields(place, block, {"type": str, "elements": list}, {"block_id": str})
        check_count(f"{place}.elements", block["elements"], ELEMENTS_MAX)
        for number, element in enumerate(block["elements"]):
            _check_text_object(f"{place}.elements[{number}]", element, TEXT_MAX_CHARACTERS)
    elif kind == "divider":
        check_fields(place, block, {"type": str}, {"block_id": str})
    else:
        raise Broken(f"{place}.type is {kind!r}, which an incoming webhook doesn't send here")


def _check_text_object(place: str, text: Any, most: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    check_fields(place, text, {"type": str, "text": str}, {"emoji": bool, "verbatim": bool})
    if text["type"] not in kinds:
        raise Broken(f"{place}.type must be {' or '.join(kinds)}")
    if ("emoji" in text and text["type"] != "plain_text") or ("verbatim" in text and text["type"] != "mrkdwn"):
        raise Broken(f"{place} has a field of the other type of text")
    check_text(f"{place}.text", text["text"], most)
    _check_markup(f"{place}.text", text["text"])


def _check_markup(place: str, text: str) -> None:
    """Check that the only control sequences are links and dates, and that other control characters are escaped."""
    if _ENTITY.search(text):
        raise Broken(f"{place} has a bare &")
    outside, *rest = text.split("<")
    for part in rest:
        control, closes, after = part.partition(">")
        if not closes or not _CONTROL.fullmatch(control):
            raise Broken(f"{place} has the control sequence <{control}>")
        if control.startswith("http"):
            check_url(place, control.partition("|")[0], URL_MAX_CHARACTERS)
        outside += after
    if ">" in outside:
        raise Broken(f"{place} has a bare >")
