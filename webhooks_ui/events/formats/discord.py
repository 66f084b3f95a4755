"""Discord: a message for a channel's webhook, as one embed. It mentions nobody, whatever is in the names.

Source: docs.discord.com, "Execute Webhook", "Embed Limits", "Allowed Mentions Object". For the host of a link, which is
documented nowhere: github.com/go-gitea/gitea, issue 11124, and grafana/grafana, issue 65270.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats.message import SHORTENED, Tone, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.text import Writer

TITLE_MAX_CHARACTERS = 256
DESCRIPTION_MAX_CHARACTERS = 2_000
VALUE_MAX_CHARACTERS = 1_024
ALL_MAX_CHARACTERS = 6_000
RESERVED_CHARACTERS = 1_300  # of all, for the title, the labels, environment, time and the footer
FIRST_YEAR = 1970  # Discord shows earlier times as it likes
INLINE_MAX_CHARACTERS = 40  # a longer value has a line of its own

COLORS = {Tone.GOOD: 0x2E9F6B, Tone.BAD: 0xD64545, Tone.WARNING: 0xE08C1F, Tone.NEUTRAL: 0x4A78D6}
# What is markup: a heading, a quotation or a list at the beginning, some characters anywhere, and a colon before a
# word, as in emoji and addresses.
_MARKUP = re.compile(r"^[#>]|^[-+](?=[\s#])|[\\`*_~|<\[@]|:(?=\S)")
_NUMBERED = re.compile(r"^\d+(?=\.\s)")


def render(event: Outgoing) -> bytes:
    message = message_of(event)
    writer = Writer(ALL_MAX_CHARACTERS - RESERVED_CHARACTERS, escaped)
    embed: dict[str, Any] = {
        "title": Writer(TITLE_MAX_CHARACTERS, escaped).write(message.title, TITLE_MAX_CHARACTERS),
        "description": writer.write(message.sentence, DESCRIPTION_MAX_CHARACTERS),
        "color": COLORS[message.tone],
    }
    told = [
        (field.label, value) for field in message.fields if (value := writer.write(field.value, VALUE_MAX_CHARACTERS))
    ]
    told.append(("Environment", message.environment))
    if message.link and _is_taken(message.link):
        embed["url"] = message.link
    if message.at and message.at.year >= FIRST_YEAR:
        embed["timestamp"] = message.at.isoformat()  # shown in the reader's zone
    elif message.at:
        told.append(("Time", message.time))
    if message.is_shortened or writer.has_shortened:
        embed["footer"] = {"text": SHORTENED}
    embed["fields"] = [
        {"name": label, "value": value, "inline": len(value) <= INLINE_MAX_CHARACTERS} for label, value in told
    ]
    return strict_json.render({"embeds": [embed], "allowed_mentions": {"parse": []}}).encode()


def escaped(text: str) -> Iterator[str]:
    """Yield a text as Discord shows it and reads no markup in it, in pieces."""
    numbered = _NUMBERED.match(text)
    for place, character in enumerate(text):
        is_markup = _MARKUP.match(text, place) or (numbered and place == numbered.end())
        yield f"\\{character}" if is_markup else character


def _is_taken(link: str) -> bool:
    """Return True if Discord takes the link. It refuses the whole message for a host such as ``portal``."""
    return "." in (urlsplit(link).hostname or "").rstrip(".")
