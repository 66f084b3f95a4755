"""What a process remembers of who gets which events, so that a publication needs no query for it.

It is remembered as facts (see ``database.facts``): a publication that rests on one that holds no more is not stored.
"""

import time
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Text, column, func, table

from webhooks_ui.database.facts import ANSWER, Fact, Question, row_text
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Webhook
from webhooks_ui.models.types import UtcDateTime
from webhooks_ui.webhooks.subscribers import ENVIRONMENT, NOW, TYPE, Subscriber, columns, wanting

TYPES_MAX = 1_024  # of all environments
SUBSCRIBERS_MAX = 1_000  # of a type. To tell more of them to the database takes as long as to read them
PAUSE_SECONDS = 1.0  # in which nothing is remembered after something has changed, because more may change
SEPARATOR = "\n"  # of the texts of subscribers

_known = table(
    "known_subscribers",
    column("environment", Text),
    column("event_type", Text),
    column("now", UtcDateTime),
    column(ANSWER, Text),
)
_texts = func.aggregate_strings(row_text(*columns(_known.c.now)), SEPARATOR).aggregate_order_by(Webhook.id)
WHO = Question(_known, wanting(_known.c.environment, _known.c.event_type, func.coalesce(_texts, "")))
_FIND = Query(wanting(ENVIRONMENT, TYPE, row_text(*columns(NOW)), *columns(NOW)).order_by(Webhook.id))


class KnownSubscribers:
    """What this process remembers. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[list[Subscriber], str]] = {}
        self._paused_until = 0.0

    def of(
        self, connection: Connection, environment: str, types: Iterable[str], now: datetime
    ) -> tuple[dict[str, list[Subscriber]], list[Fact]]:
        """Return the active webhooks that want each type, and the facts that this rests on.

        What is not remembered is read, and is no fact that must still hold.
        """
        found: dict[str, list[Subscriber]] = {}
        facts: list[Fact] = []
        for type in types:
            if known := self._known.get((environment, type)):
                found[type], text = known
                facts.append(Fact(WHO, (environment, type, now, text)))
            else:
                found[type] = self._read(connection, environment, type, now)
        return found, facts

    def forget(self) -> None:
        """Forget everything, and remember nothing for a while."""
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        self._known.clear()

    def _read(self, connection: Connection, environment: str, type: str, now: datetime) -> list[Subscriber]:
        rows = _FIND.rows(connection, {"environment": environment, "type": type, "now": now})
        found = [Subscriber.of(*values) for _, *values in rows]
        if len(found) <= SUBSCRIBERS_MAX and time.monotonic() >= self._paused_until:
            if len(self._known) >= TYPES_MAX:
                self._known.clear()
            self._known[environment, type] = found, SEPARATOR.join(text for text, *_ in rows)
        return found
