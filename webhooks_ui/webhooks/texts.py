"""The names and URLs of many webhooks in memory, to be searched in a few milliseconds.

A database looks at each row for a text in the midst of another, which takes ten times as long. To read all texts takes
as long as two such looks, so that they are read at the second search after a change.
"""

from array import array

from sqlalchemy import String, cast, func, select

from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.kept import kept

KEPT_SECONDS = 30.0
FOUND_MAX = 2_000  # a text that more webhooks have is left to the database, which is soon done with it
_BREAK = "\n"  # in no name and no URL
_END = _BREAK.encode()


def webhooks_with(text: str) -> list[int] | None:
    """Return the ids of the webhooks with ``text``, deleted ones included. ``None``: the database is to be asked.

    Args:
        text: as ``models.webhook.searchable`` returns it.
    """
    return kept(Texts, KEPT_SECONDS).find(text)


class Texts:
    """The texts of all webhooks: a line for each, and another one for a long one."""

    def __init__(self) -> None:
        self._searches = 0
        self._lines: tuple[bytes, array[int]] | None = None  # with the webhook of each

    def find(self, text: str) -> list[int] | None:
        """Return the ids of the webhooks with ``text``, or ``None`` if it isn't known or there are too many."""
        self._searches += 1
        if self._searches < 2 or _BREAK in text:
            return None
        if self._lines is None:
            self._lines = _read()
        return _find(*self._lines, text.encode())


def _find(lines: bytes, ids: "array[int]", wanted: bytes) -> list[int] | None:
    found: list[int] = []
    line = start = 0
    while (place := lines.find(wanted, start)) >= 0:
        line += lines.count(_END, start, place)
        found.append(ids[line])
        if len(found) > FOUND_MAX:
            return None
        line, start = line + 1, lines.index(_END, place) + 1
    return found


def _read() -> "tuple[bytes, array[int]]":
    lines, ids = "", array("q")
    for column in (Webhook.search_text, Webhook.search_rest):
        query = select(func.aggregate_strings(column, _BREAK), func.aggregate_strings(cast(Webhook.id, String), ","))
        texts, of = db.session.execute(query.where(column.is_not(None))).one()
        if texts is not None:
            lines += texts + _BREAK
            ids.extend(map(int, of.split(",")))
    return lines.encode(), ids
