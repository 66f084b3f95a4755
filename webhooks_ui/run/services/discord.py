"""A stand-in for a channel's webhook of Discord.

Source: docs.discord.com, "Execute Webhook", "Embed Object" and "Embed Limits", "Allowed Mentions Object", "JSON Error
Codes"; for the host of a link, github.com/go-gitea/gitea, issue 11124.
"""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from webhooks_ui.run.services.rules import Answer, Broken, check_count, check_fields, check_text, check_url, read

CONTENT_MAX_CHARACTERS = 2_000
EMBEDS_MAX = 10
FIELDS_MAX = 25
TITLE_MAX_CHARACTERS = 256
DESCRIPTION_MAX_CHARACTERS = 4_096
NAME_MAX_CHARACTERS, VALUE_MAX_CHARACTERS = 256, 1_024
FOOTER_MAX_CHARACTERS = 2_048
EMBEDS_MAX_CHARACTERS = 6_000
COLOR_MAX = 0xFFFFFF
URL_MAX_CHARACTERS = 2_048
MESSAGE = {"content": str, "embeds": list, "allowed_mentions": dict, "username": str, "tts": bool, "flags": int}
EMBED = {
    "title": str,
    "description": str,
    "url": str,
    "timestamp": str,
    "color": int,
    "footer": dict,
    "fields": list,
}


def answer(body: bytes) -> Answer:
    """Answer the request as Discord does."""
    try:
        message = read(body)
    except Broken as error:
        return _refuse(50109, "The request body contains invalid JSON.", error)
    if not message.get("content") and not message.get("embeds"):
        return _refuse(50006, "Cannot send an empty message", Broken("There is neither content nor embeds"))
    try:
        _check(message)
    except Broken as error:
        return _refuse(50035, "Invalid Form Body", error)
    return Answer(204)


def _refuse(code: int, text: str, error: Broken) -> Answer:
    return Answer(400, json.dumps({"message": text, "code": code}).encode(), broken=str(error))


def _check(message: dict[str, Any]) -> None:
    check_fields("message", message, {}, MESSAGE)
    check_text("content", message.get("content", ""), CONTENT_MAX_CHARACTERS, least=0)
    if message.get("allowed_mentions") != {"parse": []}:
        raise Broken("allowed_mentions lets names in a message notify people")
    embeds = message.get("embeds", [])
    check_count("embeds", embeds, EMBEDS_MAX, least=0)
    length = sum(_check_embed(f"embeds[{number}]", embed) for number, embed in enumerate(embeds))
    if length > EMBEDS_MAX_CHARACTERS:
        raise Broken(f"The embeds have {length} characters, and may have {EMBEDS_MAX_CHARACTERS}")


def _check_embed(place: str, embed: Any) -> int:
    """Check an embed. Return the length of its texts."""
    check_fields(place, embed, {}, EMBED)
    if not embed.keys() & {"title", "description", "fields"}:
        raise Broken(f"{place} is empty")
    length = 0
    for name, most in (("title", TITLE_MAX_CHARACTERS), ("description", DESCRIPTION_MAX_CHARACTERS)):
        if name in embed:
            length += _check_trimmed(f"{place}.{name}", embed[name], most)
    if not 0 <= embed.get("color", 0) <= COLOR_MAX:
        raise Broken(f"{place}.color is out of range")
    if "url" in embed:
        check_url(f"{place}.url", embed["url"], URL_MAX_CHARACTERS)
        if "." not in (urlsplit(embed["url"]).hostname or "").rstrip("."):
            raise Broken(f"{place}.url has a host without a dot")
    if "timestamp" in embed:
        _check_time(f"{place}.timestamp", embed["timestamp"])
    if "footer" in embed:
        check_fields(f"{place}.footer", embed["footer"], {"text": str})
        length += _check_trimmed(f"{place}.footer.text", embed["footer"]["text"], FOOTER_MAX_CHARACTERS)
    fields = embed.get("fields", [])
    check_count(f"{place}.fields", fields, FIELDS_MAX, least=0)
    for number, field in enumerate(fields):
        here = f"{place}.fields[{number}]"
        check_fields(here, field, {"name": str, "value": str}, {"inline": bool})
        length += _check_trimmed(f"{here}.name", field["name"], NAME_MAX_CHARACTERS)
        length += _check_trimmed(f"{here}.value", field["value"], VALUE_MAX_CHARACTERS)
    return length


def _check_trimmed(place: str, text: str, most: int) -> int:
    """Check a text, of which Discord removes the space around it before it counts."""
    return check_text(place, text.strip(), most)


def _check_time(place: str, text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Broken(f"{place} is no ISO 8601 time") from None
    if moment.tzinfo is None:
        raise Broken(f"{place} has no zone")
