"""Pages of the delivery log. They use keyset pagination: every page is equally fast, and new rows shift no page."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, select

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.rows import Row, of_ids, read, select_rows
from webhooks_ui.deliveries.search import Search, search
from webhooks_ui.deliveries.walk import farthest, first_ids, goes_on, matching_ids, window_end
from webhooks_ui.models import Delivery, DeliveryStatus
from webhooks_ui.parsing import ID_MAX

PAGE_ROWS = 25
SORTED_ROWS = 1_500  # the size of the window within which rows are sorted by anything but time
NEWER_MAX = 99
BY_TIME = ("time", "-time")
BESIDE = ("after", "before")
STEPS_MAX = 10  # of a search for all rows

_ID = "[0-9]{1,18}"
CURSOR = re.compile(
    rf"(after|before|-?status|-?code)-({_ID})(-({_ID})-(after|before)-([0-9]{{1,9}})-({_ID}))?"  # as in ECMAScript, too
)


@dataclass(frozen=True)
class Page:
    """One page of deliveries, with the cursors of the pages before and after it.

    An empty cursor means the first page. ``None`` means that there is no such page.
    """

    deliveries: list[Row]
    previous: str | None = None
    next: str | None = None
    searched_back_to: datetime | None = None  # set if the search stopped here to save time. ``next`` continues it


@dataclass(frozen=True)
class Place:
    """A place in a sorted window: beside a row. Other rows may change meanwhile, and that moves it nowhere."""

    end: int  # the last id of the window. 0: it reaches the end of the log
    side: str  # after or before
    key: int  # by which the row was sorted
    row: int  # its id

    def __str__(self) -> str:
        return "-".join(map(str, vars(self).values()))


@dataclass(frozen=True)
class Cursor:
    """A place in the log: beside a row, or in the window below a row, sorted as ``kind`` says."""

    kind: str  # after, before, or one of SORTS that isn't by time
    id: int
    place: Place | None = None  # None: the start of the window

    @classmethod
    def parse(cls, text: str, sort: str) -> "Cursor | None":
        """Return the cursor in ``text``. Return ``None``, for the first page, if it is none of the order ``sort``."""
        match = CURSOR.fullmatch(text)
        if match is None or match[1] not in (BESIDE if sort in BY_TIME else (sort,)):
            return None
        kind, id, in_window, end, side, key, row = match.groups()
        if in_window and sort in BY_TIME:
            return None
        return cls(kind, int(id), Place(int(end), side, int(key), int(row)) if in_window else None)

    def __str__(self) -> str:
        return f"{self.kind}-{self.id}-{self.place}" if self.place else f"{self.kind}-{self.id}"


def find_all(filters: DeliveryFilters, most: int) -> Page:
    """Return the first ``most`` matching deliveries. ``next`` is set if there may be more.

    A search that finds hardly anything stops after ``STEPS_MAX`` steps. ``searched_back_to`` is then set, too.
    """
    page = find_page(filters, rows=most)
    deliveries = page.deliveries
    for _ in range(STEPS_MAX - 1):
        if not page.next or len(deliveries) >= most:
            break
        page = find_page(filters, page.next, most - len(deliveries))
        deliveries = deliveries + page.deliveries
    return replace(page, deliveries=deliveries, previous=None)


def find_page(filters: DeliveryFilters, cursor_text: str = "", rows: int = PAGE_ROWS) -> Page:
    """Return the page of matching deliveries at the place that ``cursor_text`` names, with at most ``rows``."""
    found = search(filters)
    cursor = Cursor.parse(cursor_text, filters.sort)
    if filters.sort not in BY_TIME:
        return _sorted_page(found, filters.sort, cursor, rows)
    newest_first = filters.sort == "-time"
    if cursor and cursor.kind == "before":
        page = _page_before(found, cursor.id, newest_first, rows)
        if page:
            return page
    return _page_after(found, cursor.id if cursor and cursor.kind == "after" else None, newest_first, rows)


def count_newer(filters: DeliveryFilters, than_id: int) -> int:
    """Return how many matching deliveries are newer than ``than_id``, at most 99."""
    rows, _ = _walk(search(filters), than_id, False, NEWER_MAX)
    return len(rows)


def _page_after(found: Search, start: int | None, newest_first: bool, most: int) -> Page:
    rows, end = _walk(found, start, newest_first, most + 1)
    shown = rows[:most]
    previous = None if start is None else str(Cursor("before", shown[0].id)) if shown else ""
    if len(rows) > most:
        return Page(shown, previous, str(Cursor("after", shown[-1].id)))
    if end is None:
        return Page(shown, previous)
    return Page(shown, previous, str(Cursor("after", end)), _created_near(end))


def _page_before(found: Search, start: int, newest_first: bool, most: int) -> Page | None:
    """Return the page that ends just before ``start``, or ``None`` if it isn't full. Then the first page is shown."""
    rows, _ = _walk(found, start, not newest_first, most + 1)
    if len(rows) <= most:
        return None
    shown = rows[:most][::-1]
    return Page(shown, str(Cursor("before", shown[0].id)), str(Cursor("after", shown[-1].id)))


def _sorted_page(found: Search, sort: str, cursor: Cursor | None, most: int) -> Page:
    """Return a page of the sorted rows in a limited window. After its last page comes the next older window."""
    start, place = (cursor.id, cursor.place) if cursor else (highest_id(Delivery) + 1, None)
    end = (place.end or None) if place else window_end(found, start, True, SORTED_ROWS)
    query = select_rows().where(Delivery.id.in_(matching_ids(found, start, end, True, None)))

    def beside(side: str, row: Row) -> str:
        return str(Cursor(sort, start, Place(end or 0, side, _key_of(row, sort), row.id)))

    if place and place.side == "before":
        rows = read(_beyond(query, sort, place).limit(most + 1))
        if len(rows) > most:
            shown = rows[:most][::-1]
            return Page(shown, beside("before", shown[0]), beside("after", shown[-1]))
        place = None  # there is no full page before it, so the first one is shown
    rows = read((_beyond(query, sort, place) if place else query.order_by(*_order(sort))).limit(most + 1))
    shown = rows[:most]
    back = beside("before", shown[0]) if place and shown else "" if cursor else None
    if len(rows) > most:
        return Page(shown, back, beside("after", shown[-1]))
    if end is None:
        return Page(shown, back)
    return Page(shown, back, str(Cursor(sort, end)), _created_near(end))


def _walk(found: Search, start: int | None, descending: bool, limit: int) -> tuple[list[Row], int | None]:
    """Return the next matching rows beyond ``start``, and the id at which the walk stopped early, if it did.

    That id counts only if there are fewer rows than ``limit``. So without sources, nobody looks what lies beyond it
    before.
    """
    if start is None:
        start = ID_MAX if descending else 0
    end = window_end(found, start, descending) if found.sources else farthest(found, start, descending)
    ids = first_ids(found, start, end, limit, descending=descending)
    if end is not None and not found.sources and len(ids) < limit and not goes_on(found, end, descending):
        end = None
    return of_ids(ids), end


def _order(sort: str, *, is_reversed: bool = False) -> tuple[Any, ...]:
    key, falls = _key(sort), sort.startswith("-") != is_reversed
    return (key.desc() if falls else key.asc(), Delivery.id.asc() if is_reversed else Delivery.id.desc())


def _beyond(query: Select[Any], sort: str, place: Place) -> Select[Any]:
    """Return ``query`` for the rows on the side of ``place``, the nearest first."""
    key, goes_on = _key(sort), place.side == "after"
    lower, older = sort.startswith("-") == goes_on, Delivery.id < place.row if goes_on else Delivery.id > place.row
    beyond = or_(key < place.key if lower else key > place.key, and_(key == place.key, older))
    return query.where(beyond).order_by(*_order(sort, is_reversed=not goes_on))


def _key(sort: str) -> ColumnElement[int]:
    return _ATTENTION if sort.endswith("status") else func.coalesce(Delivery.response_code, 0)


def _key_of(row: Row, sort: str) -> int:
    """Return the value of ``_key`` for a row."""
    return _RANKS.get(row.status, _LAST) if sort.endswith("status") else row.response_code or 0


def _created_near(delivery_id: int) -> datetime | None:
    rows = _CREATED.rows(db.session.connection(), {"id": delivery_id})
    return rows[0][0] if rows else None


_CREATED = Query(
    select(Delivery.created_at).where(Delivery.id <= bindparam("id")).order_by(Delivery.id.desc()).limit(1)
)
# What needs a person most is sorted first
_RANKS: dict[str, int] = {DeliveryStatus.FAILED: 0, DeliveryStatus.PENDING: 1, DeliveryStatus.CANCELLED: 2}
_LAST = 3
_ATTENTION: ColumnElement[int] = case(_RANKS, value=Delivery.status, else_=_LAST)
