"""Slack: a message for an incoming webhook, with ``text`` for notifications and ``blocks`` for the channel.

Names and values are in ``plain_text``, which has no markup. What is in ``mrkdwn`` is ours.
Source: docs.slack.dev, "Block Kit" (limits), "Formatting message text" (escaping).
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats.message import SHORTENED, Message, Tone, message_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.text import Writer

HEADER_MAX_CHARACTERS = 150
TEXT_MAX_CHARACTERS = 3_000
FIELD_MAX_CHARACTERS = 2_000
ALL_MAX_CHARACTERS = 10_000  # Slack refuses messages that are "too long", and doesn't say what that means
FIELDS_IN_SECTION = 5  # of two cells each

MARKS = {Tone.GOOD: "🟢", Tone.BAD: "🔴", Tone.WARNING: "🟠", Tone.NEUTRAL: "🔵"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Block = dict[str, Any]


def render(event: Outgoing) -> bytes:
    message = message_of(event)
    writer = Writer(ALL_MAX_CHARACTERS, escaped)
    sentence = writer.write(message.sentence, TEXT_MAX_CHARACTERS)
    head: list[Block] = [
        {"type": "header", "text": plain(f"{MARKS[message.tone]} {message.title}"[:HEADER_MAX_CHARACTERS], emoji=True)},
        {"type": "section", "text": plain(sentence)},
    ]
    body = {
        "text": sentence,
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [*head, *_sections(message, writer), *_context(message, writer)],
    }
    return strict_json.render(body).encode()


def escaped(text: str) -> Iterable[str]:
    """Return a text as Slack shows it and reads no mention or link in it, in pieces."""
    return (_ENTITIES.get(character, character) for character in text)


def plain(text: str, *, emoji: bool = False) -> Block:
    """Return a text object without markup.

    Args:
        emoji: whether ``:smile:`` is a picture.
    """
    return {"type": "plain_text", "text": text, "emoji": emoji}


def _sections(message: Message, writer: Writer) -> list[Block]:
    """Return the fields as tables of two columns."""
    cells = [
        ({"type": "mrkdwn", "text": f"*{field.label}*"}, plain(value))
        for field in message.fields
        if (value := writer.write(field.value, FIELD_MAX_CHARACTERS))
    ]
    rows = [cells[start : start + FIELDS_IN_SECTION] for start in range(0, len(cells), FIELDS_IN_SECTION)]
    return [{"type": "section", "fields": [cell for pair in section for cell in pair]} for section in rows]


def _context(message: Message, writer: Writer) -> list[Block]:
    """Return the small print: environment, time, a link to the delivery, and whether the message is shortened."""
    texts = [message.environment]
    if message.at:
        # Slack shows the time in the reader's zone, or else the words after the line
        date = f"<!date^{int(message.at.timestamp())}^{{date_short_pretty}} at {{time}}|{message.time}>"
        texts.append(date if message.at.timestamp() > 0 else message.time)
    if message.link:
        texts.append(f"<{quote(message.link, safe=':/?#@!$&()*+,;=%[]~')}|View delivery>".replace("&", "&amp;"))
    if message.is_shortened or writer.has_shortened:
        texts.append(SHORTENED)
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": text} for text in texts]}]
