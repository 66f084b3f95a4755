"""Walks the deliveries that a search finds in the order of their ids, a limited number of rows at a time."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, select, true, union_all

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.deliveries.search import Condition, Search
from webhooks_ui.models import Delivery
from webhooks_ui.parsing import ID_MAX

# How many rows one step reads at most
SCANNED_ROWS = 30_000  # in the order of the table
JOINED_ROWS = 3_000  # if it looks up the webhook of each row
SOUGHT_ROWS = 4_000  # through another index, scattered over the table
LEAST_ROWS = 26  # but at least this many of each source: a page and one row

_BETWEEN = Delivery.id >= bindparam("lowest"), Delivery.id <= bindparam("highest")
_NEAREST = {  # built once, because each page needs it
    descending: Query(select(nearest(Delivery.id)).where(*_BETWEEN))
    for descending, nearest in ((True, func.max), (False, func.min))
}


def window_end(found: Search, start: int, descending: bool, rows: int | None = None) -> int | None:
    """Return the last id of a step that begins at ``start``, or ``None`` if the step reaches the end of the log.

    Args:
        rows: About how many rows of the sources the step may read. The default depends on what a row costs.
    """
    if rows is None and not found.sources:
        end = farthest(found, start, descending)
        return end if end is not None and goes_on(found, end, descending) else None
    sources = found.sources or (true(),)
    rows = SOUGHT_ROWS if rows is None else rows
    ends = [
        select(Delivery.id)
        .where(source, _within(found, start, None, descending))
        .order_by(by_id(descending))
        .offset(max(rows // len(sources), LEAST_ROWS))
        .limit(1)
        .scalar_subquery()
        for source in sources
    ]
    known = [end for end in db.session.execute(select(*ends)).one() if end is not None]
    return (max(known) if descending else min(known)) if known else None


def farthest(found: Search, start: int, descending: bool) -> int | None:
    """Return the last id of a step without sources that begins at ``start``, or ``None`` if there is no row beyond it.

    It follows from the first id of the step, because so many ids have at most as many rows.
    """
    first = _nearest(found, start, descending)
    rows = JOINED_ROWS if found.joins else SCANNED_ROWS
    return None if first is None else first - rows if descending else first + rows


def goes_on(found: Search, end: int, descending: bool) -> bool:
    """Return True if the log reaches to the id ``end`` or beyond it."""
    return _nearest(found, end + 1 if descending else end - 1, descending) is not None


def _nearest(found: Search, start: int, descending: bool) -> int | None:
    """Return the id of the first row beyond ``start``, whether it matches or not."""
    lowest, highest = _bounds(found, start, None, descending)
    bounds = {"lowest": 0 if lowest is None else lowest, "highest": ID_MAX if highest is None else highest}
    nearest: int | None = _NEAREST[descending].rows(db.session.connection(), bounds)[0][0]
    return nearest


def matching_ids(found: Search, start: int, end: int | None, descending: bool, limit: int | None) -> Select[Any]:
    """Return a query for the matching ids from ``start`` (exclusive) to ``end``: the first ``limit`` of each source."""
    parts = [
        select(Delivery.id)
        .where(source, _within(found, start, end, descending), found.condition)
        .order_by(by_id(descending))
        .limit(limit)
        .correlate(None)
        for source in found.sources or (true(),)
    ]
    if len(parts) == 1:
        return parts[0]
    return select(union_all(*(select(part.subquery().c.id) for part in parts)).subquery().c.id)


def _within(found: Search, start: int, end: int | None, descending: bool) -> Condition:
    """Return the condition that an id lies within the step and within the ids of the search.

    It has one bound on each side. With two bounds on a side, SQLite seeks to the first and walks to the second.
    """
    lowest, highest = _bounds(found, start, end, descending)
    return and_(
        true() if lowest is None else Delivery.id >= lowest, true() if highest is None else Delivery.id <= highest
    )


def _bounds(found: Search, start: int, end: int | None, descending: bool) -> tuple[int | None, int | None]:
    """Return the lowest and the highest id of a step, as far as there are such."""
    lowest, highest = found.ids
    if descending:
        return _tighter(max, lowest, end), _tighter(min, highest, start - 1)
    return _tighter(max, lowest, start + 1), _tighter(min, highest, end)


def _tighter(choose: Callable[[int, int], int], a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else choose(a, b)


def by_id(descending: bool) -> Any:
    return Delivery.id.desc() if descending else Delivery.id.asc()


def next_ids(found: Search, start: int, limit: int, *, descending: bool = True) -> tuple[list[int], int | None]:
    """Return the next matching ids beyond ``start``, and the id beyond which to continue.

    That id is ``None`` at the end of the log.

    Args:
        descending: newest first, below ``start``. Otherwise oldest first, above it.
    """
    end = window_end(found, start, descending)
    ids = first_ids(found, start, end, limit, descending=descending)
    return ids, ids[-1] if len(ids) == limit else end


def first_ids(found: Search, start: int, end: int | None, limit: int, *, descending: bool) -> list[int]:
    """Return the first ``limit`` matching ids from ``start`` (exclusive) to ``end``, in the order of the walk."""
    query = matching_ids(found, start, end, descending, limit)
    return sorted(set(db.session.connection().scalars(query)), reverse=descending)[:limit]


def count_by_status(found: Search, start: int, seconds: float) -> tuple[Counter[str], bool]:
    """Count the matching deliveries below ``start`` by the status that pages show.

    Return the counts, and False if ``seconds`` weren't enough to count all of them.
    """
    counts: Counter[str] = Counter()
    give_up_at = time.monotonic() + seconds
    place: int | None = start
    while place is not None:
        if time.monotonic() > give_up_at:
            return counts, False
        end = window_end(found, place, True)
        ids = matching_ids(found, place, end, True, None)
        query = select(Delivery.shown_status.label("shown"), func.count()).where(Delivery.id.in_(ids)).group_by("shown")
        counts.update(dict(db.session.execute(query).all()))
        place = end
    return counts, True
