"""A message: an event in the words that people in a chat read. Each chat service writes it in its own way."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats import values
from webhooks_ui.events.formats.fields import Field, fields_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.formats.sentences import NAMES_MAX_CHARACTERS, sentence_of, title_of
from webhooks_ui.events.formats.text import Writer
from webhooks_ui.models.visible import words

FIELDS_MAX = 10
SHORTENED = "This message is shortened. The delivery log has the whole event."


class Tone(StrEnum):
    """How an event feels. Services show it as a color."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    NEUTRAL = "neutral"


TONES = {  # by the last part of the type; any other is neutral
    "created": Tone.GOOD,
    "assigned": Tone.GOOD,
    "activated": Tone.GOOD,
    "recovered": Tone.GOOD,
    "failed": Tone.BAD,
    "revoked": Tone.BAD,
    "disabled": Tone.BAD,
    "suspended": Tone.WARNING,
    "expired": Tone.WARNING,
    "deactivated": Tone.WARNING,
    "flagged": Tone.WARNING,
    "failing": Tone.WARNING,
    "throttled": Tone.WARNING,
}


@dataclass(frozen=True, slots=True)
class Message:
    """Texts on one line each. They are neither escaped nor as short as a service wants them, but for the labels."""

    title: str
    sentence: str
    fields: tuple[Field, ...]
    tone: Tone
    environment: str
    at: datetime | None  # when it happened, in UTC. None: the event has no readable time
    link: str | None
    is_shortened: bool  # a name in the sentence, or a field, was left out

    @property
    def time(self) -> str:
        """When it happened, for people, or an empty text."""
        return values.time_words(self.at) if self.at else ""


def message_of(event: Outgoing) -> Message:
    """Return the message that tells an event of any type with any data."""
    members = strict_json.load_members(event.body)
    data = members["data"].value
    names = Writer(NAMES_MAX_CHARACTERS)
    sentence = sentence_of(event.type, data, names)
    fields = tuple(islice(fields_of(event.type, data), FIELDS_MAX + 1))  # one more shows that some are left out
    return Message(
        title=("Test: " if event.is_test else "") + title_of(event.type),
        sentence=sentence,
        fields=fields[:FIELDS_MAX],
        tone=TONES.get(event.type.rpartition(".")[2], Tone.NEUTRAL),
        environment=words(event.environment),
        at=values.time(members["timestamp"].value),
        link=event.link,
        is_shortened=names.has_shortened or len(fields) > FIELDS_MAX,
    )
