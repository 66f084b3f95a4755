"""The names and URLs of many webhooks in memory, to be searched in a few milliseconds.

A database looks at each row for a text in the midst of another, which takes ten times as long. To read all texts takes
as long as two such looks, so that they are read at the second search after a change.
"""

from array import array
from bisect import bisect
from itertools import accumulate
from typing import Any, NamedTuple

from sqlalchemy import String, cast, func, select

from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook_state import IS_DELETED, IS_LIVE
from webhooks_ui.webhooks.kept import kept

KEPT_SECONDS = 30.0
FOUND_MAX = 2_000  # of a text that more webhooks have, no more than one above it are looked for
_BREAK = "\n"  # in no name and no URL


def webhooks_with(text: str) -> list[int] | None:
    """Return the ids of the webhooks with ``text``, deleted ones included. ``None``: the database is to be asked.

    Of more than ``FOUND_MAX``, one more than these are returned.

    Args:
        text: as ``models.webhook.searchable`` returns it.
    """
    return kept(Texts, KEPT_SECONDS).find(text)


def newest_with(text: str, most: int) -> list[int] | None:
    """Return the ids of the newest ``most`` webhooks with ``text``, newest first, without deleted ones.

    ``None``: the database is to be asked.
    """
    return kept(Texts, KEPT_SECONDS).newest(text, most)


class Lines(NamedTuple):
    """Texts, a line for each, and the webhook of each line."""

    texts: bytes
    ids: "array[int]"
    ends: "array[int]"  # the place after each line


class _Kept(NamedTuple):
    live: Lines  # the newest webhook first
    deleted: Lines
    long: Lines  # another line for each long text, of which the other two have the beginning


class Texts:
    """The texts of all webhooks. They are read at the second search."""

    def __init__(self) -> None:
        self._searches = 0
        self._kept: _Kept | None = None

    def find(self, text: str) -> list[int] | None:
        """Return the ids of the webhooks with ``text``, at most ``FOUND_MAX + 1``. ``None``: it isn't known."""
        known = self._known(text)
        if known is None:
            return None
        found: list[int] = []
        for lines in known:
            found += _find(lines, text, FOUND_MAX + 1 - len(found))
        return sorted(found)

    def newest(self, text: str, most: int) -> list[int] | None:
        """Return the ids of the newest webhooks with ``text``, or ``None`` if that isn't known."""
        known = self._known(text)
        if known is None or _find(known.long, text, 1):  # which has a place of its own in the order
            return None
        return _find(known.live, text, most)

    def _known(self, text: str) -> _Kept | None:
        self._searches += 1
        if self._searches < 2 or _BREAK in text:
            return None
        if self._kept is None:
            self._kept = _read()
        return self._kept


def _find(lines: Lines, text: str, most: int) -> list[int]:
    """Return the ids of the first ``most`` lines with ``text``."""
    wanted = text.encode()
    found: list[int] = []
    start = 0
    while len(found) < most and (place := lines.texts.find(wanted, start)) >= 0:
        line = bisect(lines.ends, place)
        found.append(lines.ids[line])
        start = lines.ends[line]
    return found


def _read() -> _Kept:
    newest_first = Webhook.created_at.desc(), Webhook.id.desc()
    return _Kept(
        _lines(Webhook.search_text, IS_LIVE, *newest_first),
        _lines(Webhook.search_text, IS_DELETED, Webhook.id),
        _lines(Webhook.search_rest, Webhook.search_rest.is_not(None), Webhook.id),
    )


def _lines(column: Any, condition: Any, *order: Any) -> Lines:
    """Return the texts in ``column``. Both databases keep the order of a subquery for such an aggregate."""
    id = cast(Webhook.id, String).label("id")
    rows = select(column.label("text"), id).where(condition).order_by(*order).subquery().c
    query = select(func.aggregate_strings(rows.text, _BREAK), func.aggregate_strings(rows.id, ","))
    texts, ids = db.session.execute(query).one()
    if texts is None:
        return Lines(b"", array("q"), array("q"))
    joined = texts.encode()
    ends = accumulate(len(line) + 1 for line in joined.split(_BREAK.encode()))
    return Lines(joined, array("q", map(int, ids.split(","))), array("q", ends))
