"""Microsoft Teams: a message with an adaptive card, for the workflow that posts to a channel what it receives.

All texts are text runs, which have no markup. Only text blocks and facts have it. But renderers replace the functions
``{{DATE(…)}}`` and ``{{TIME(…)}}`` in text runs, too, and a workflow makes a mention of the person in ``<at>…</at>``.
Source: learn.microsoft.com, "Create incoming webhooks with Workflows", "Adaptive cards" 1.2, "Format cards in Teams",
"Text features"; github.com/microsoft/AdaptiveCards, pull request 2905; for mentions, issue 9282 there, and
github.com/caronc/apprise, issue 1326.
"""

import re
from collections.abc import Iterator
from typing import Any

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats.message import SHORTENED, Tone, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.text import Writer

SENTENCE_MAX_CHARACTERS = 1_000
VALUE_MAX_CHARACTERS = 1_000
ALL_MAX_CHARACTERS = 4_000  # at most 12 KB, and with the card around it far below the 28 KB of a message

STYLES = {Tone.GOOD: "good", Tone.BAD: "attention", Tone.WARNING: "warning", Tone.NEUTRAL: "accent"}

# The first character of such a function or mention. It is none if a joiner, which is not seen, stands after it.
_REPLACED = re.compile(r"\{(?=\{(?:DATE|TIME)\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)|<(?=(?i:at)\b)")
_JOINER = "\N{ZERO WIDTH NON-JOINER}"

Element = dict[str, Any]


def render(event: Outgoing) -> bytes:
    message = message_of(event)
    writer = Writer(ALL_MAX_CHARACTERS, escaped)
    head = [
        _text(message.title, weight="Bolder", size="Medium"),
        _text(writer.write(message.sentence, SENTENCE_MAX_CHARACTERS)),
    ]
    told = [
        (field.label, value) for field in message.fields if (value := writer.write(field.value, VALUE_MAX_CHARACTERS))
    ]
    told.append(("Environment", message.environment))
    if message.at:
        told.append(("Time", message.time))
    card: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": message.title,
        "body": [
            {"type": "Container", "style": STYLES[message.tone], "bleed": True, "items": head},
            *(_row(label, value) for label, value in told),
        ],
    }
    if message.is_shortened or writer.has_shortened:
        card["body"].append(_text(SHORTENED, isSubtle=True, size="Small"))
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "View delivery", "url": message.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return strict_json.render({"type": "message", "attachments": [attachment]}).encode()


def escaped(text: str) -> Iterator[str]:
    """Yield a text as Teams shows it and replaces nothing in it, in pieces."""
    for place, character in enumerate(text):
        yield f"{character}{_JOINER}" if _REPLACED.match(text, place) else character


def _row(label: str, value: str) -> Element:
    columns = ((1, _text(label, weight="Bolder")), (3, _text(value)))
    return {
        "type": "ColumnSet",
        "spacing": "Small",
        "columns": [{"type": "Column", "width": width, "items": [text]} for width, text in columns],
    }


def _text(text: str, **style: Any) -> Element:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
