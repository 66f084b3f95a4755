"""Pages of the webhook list."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Row, Select, UnaryExpression, bindparam, select

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.masking import mask_url
from webhooks_ui.models import Subscription, Webhook, WebhookHealth, WebhookStatus, utcnow
from webhooks_ui.models.health import health_is
from webhooks_ui.models.webhook import is_group, searchable, searched_text
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.webhooks.filters import SORTS, WebhookFilters
from webhooks_ui.webhooks.kinds import COLUMNS as STATE_COLUMNS
from webhooks_ui.webhooks.kinds import Kind, count_kinds, kind_of
from webhooks_ui.webhooks.search import among_ids, has_text, known_newest, text_matches

FOUND_MAX = 500  # search results are capped here
ORDERS: dict[str, tuple[UnaryExpression[Any], ...]] = {
    "created_at": (Webhook.created_at.asc(), Webhook.id.asc()),
    "-created_at": (Webhook.created_at.desc(), Webhook.id.desc()),
    "name": (Webhook.name_key.asc(), Webhook.id.asc()),
    "-name": (Webhook.name_key.desc(), Webhook.id.desc()),
}


class _Columns(NamedTuple):
    id: int
    name: str
    url: str
    environment: str
    active: bool
    created_at: datetime
    probe_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    unreadable_at: datetime | None
    certificate_notice: str | None
    breaker_opened_at: datetime | None
    throttled_until: datetime | None
    given_up_count: int
    given_up_since: datetime | None
    succeeded_hour: int
    attempted_hour: int
    failures: list[dict[str, Any]]


class WebhookRow(_Columns):
    """What the list shows of a webhook, under the names that ``Webhook`` has for it."""

    __slots__ = ()
    status: Any = Webhook.status
    is_throttled: Any = Webhook.is_throttled
    gives_up: Any = Webhook.gives_up
    is_broken: Any = Webhook.is_broken
    is_disabled: Any = Webhook.is_disabled


_COLUMNS = [getattr(Webhook, name) for name in WebhookRow._fields]
_SUBSCRIBED: list[Any] = [Subscription.webhook_id, Subscription.event_type]


def _rows_in(order: tuple[UnaryExpression[Any], ...]) -> Query:
    chosen = select(*_COLUMNS).where(IS_LIVE).order_by(*order)
    return Query(lambda connection: chosen.where(dialect(connection).among_bound(Webhook.id)))


_ROWS = {sort: _rows_in(order) for sort, order in ORDERS.items()}
_SUBSCRIPTIONS = Query(
    lambda connection: (
        select(*_SUBSCRIBED).where(dialect(connection).among_bound(Subscription.webhook_id)).order_by(*_SUBSCRIBED)
    )
)


@dataclass(frozen=True)
class Page:
    """One page of webhooks, with the totals for its links and filters."""

    webhooks: list[WebhookRow]
    total: int  # how many webhooks the filters match
    number: int  # of this page, from 1
    count: int  # how many pages there are
    totals: Counter[Kind] | None = None  # all that the text search finds. None if it found too many to count
    is_cut: bool = False  # whether more than ``total`` webhooks match

    @property
    def summary(self) -> str:
        """The total in words, such as ``1,234 webhooks``."""
        return f"{self.total:,}{'+' if self.is_cut else ''} webhook{'' if self.total == 1 else 's'}"

    def total_of(self, filters: WebhookFilters, **changes: str) -> int | None:
        """Return the total for ``filters`` with ``changes``, or ``None`` if it wasn't counted."""
        return None if self.totals is None else _total(self.totals, filters.with_(**changes))


def find_page(filters: WebhookFilters, whole_urls: bool = True) -> Page:
    """Return the page that ``filters`` ask for, or the last page if there are fewer.

    Args:
        whole_urls: False finds only what a masked URL shows. Otherwise somebody could find out a URL by searching.
    """
    return _search(filters, whole_urls) if filters.q else _browse(filters)


def _browse(filters: WebhookFilters) -> Page:
    totals = count_kinds()
    total = _total(totals, filters)
    number, pages = _place(filters, total)
    shown = _browsed(filters, number) if total else []
    return Page(_load(shown, filters.sort), total, number, pages, totals)


def _search(filters: WebhookFilters, whole_urls: bool) -> Page:
    """Return the page of a text search. One query of the index serves both the page and the totals.

    If the process knows too many, and the newest ones are wanted, there is nothing to ask for.
    """
    wanted = filters.environment, filters.status, filters.health
    newest: list[int] | None = None
    if whole_urls and filters.sort == SORTS[0] and not any(wanted):
        newest = known_newest(filters.q, FOUND_MAX + 1)
        matches = has_text(filters.q) if newest is None else among_ids(newest)
    else:
        matches = text_matches(filters.q)
    if newest and len(newest) > FOUND_MAX:
        totals, ids = None, newest
    elif len(found := _matches(filters.with_(environment="", status="", health=""), matches, whole_urls)) > FOUND_MAX:
        totals = None
        ids = [row.id for row in (_matches(filters, matches, whole_urls) if any(wanted) else found)]
    else:
        now = utcnow()
        kinds = [kind_of(row, now) for row in found]
        totals = Counter(kinds)
        ids = [row.id for row, kind in zip(found, kinds, strict=True) if kind.fits(*wanted)]
    is_cut, ids = len(ids) > FOUND_MAX, ids[:FOUND_MAX]
    number, pages = _place(filters, len(ids))
    shown = ids[(number - 1) * filters.size : number * filters.size]
    return Page(_load(shown, filters.sort), len(ids), number, pages, totals, is_cut)


def event_types_of(ids: Iterable[int]) -> Mapping[int, Sequence[str]]:
    """Return the event types that each webhook is subscribed to, in a quarter of the time of its attribute."""
    found: dict[int, list[str]] = {id: [] for id in ids}
    for webhook_id, name in _SUBSCRIPTIONS.rows(db.session.connection(), {"ids": list(found)}) if found else ():
        if not is_group(name):
            found[webhook_id].append(name)
    return found


def _place(filters: WebhookFilters, total: int) -> tuple[int, int]:
    """Return the number of the page to show, and the number of pages."""
    pages = max(1, -(-total // filters.size))
    return min(filters.page, pages), pages


def _ids(filters: WebhookFilters, *columns: Any) -> Select[Any]:
    """Return a query for the ids that ``filters`` match, but for their text, in order.

    An index holds all columns that it needs.
    """
    return select(Webhook.id, *columns).where(*_conditions(filters)).order_by(*ORDERS[filters.sort])


def _matches(filters: WebhookFilters, matches: ColumnElement[bool], whole_urls: bool) -> Sequence[Row[Any]]:
    """Return the ids and states of the webhooks that ``filters`` and ``matches`` match, in order.

    Return at most ``FOUND_MAX + 1``, so that the caller sees whether there are too many.
    """
    query = _ids(filters, *STATE_COLUMNS).where(matches).limit(FOUND_MAX + 1)
    if not whole_urls:
        query = query.limit(None).where(Webhook.id.in_(_shown_masked(filters, matches)))
    return db.session.execute(query).all()


def _shown_masked(filters: WebhookFilters, matches: ColumnElement[bool]) -> list[int]:
    """Return the ids of those that match by their name or by what a masked URL shows."""
    wanted = searchable(filters.q)
    shown: list[int] = []
    for row in db.session.execute(_ids(filters, Webhook.name, Webhook.url).where(matches)):
        if wanted in searched_text(row.name, mask_url(row.url)):
            shown.append(row.id)
        if len(shown) > FOUND_MAX:
            break
    return shown


def _total(totals: Counter[Kind], filters: WebhookFilters) -> int:
    wanted = filters.environment, filters.status, filters.health
    return sum(count for kind, count in totals.items() if kind.fits(*wanted))


def _browsed(filters: WebhookFilters, number: int) -> list[int]:
    """Return the ids of the page ``number`` of what ``filters`` match."""
    values = {"most": filters.size, "before": (number - 1) * filters.size}
    if filters.health:  # whose condition depends on the time
        return list(db.session.scalars(_paged(filters), values))
    plain = WebhookFilters(environment=filters.environment, status=filters.status, sort=filters.sort)
    return [id for (id,) in _page_query(plain).rows(db.session.connection(), values)]


def _paged(filters: WebhookFilters) -> Select[Any]:
    return _ids(filters).limit(bindparam("most", type_=Integer)).offset(bindparam("before", type_=Integer))


@cache
def _page_query(filters: WebhookFilters) -> Query:
    return Query(lambda _connection: _paged(filters))  # which depends on the kind of database


def _load(ids: list[int], sort: str) -> list[WebhookRow]:
    """Return the rows to show. Only these rows are read from the table.

    One that was deleted a moment ago may still be among ``ids``.
    """
    rows = _ROWS[sort].rows(db.session.connection(), {"ids": ids}) if ids else ()
    return [WebhookRow(*row) for row in rows]


def _conditions(filters: WebhookFilters) -> list[Any]:
    conditions: list[Any] = [IS_LIVE]
    if filters.environment:
        conditions.append(dialect(db.engine).unindexed(Webhook.environment) == filters.environment)
    if filters.status:
        conditions.append(Webhook.active if filters.status == WebhookStatus.ACTIVE else ~Webhook.active)
    if filters.health:
        conditions.append(health_is(WebhookHealth(filters.health), utcnow()))
    return conditions
