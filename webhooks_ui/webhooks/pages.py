"""Pages of the webhook list, and how many webhooks there are of each environment and status."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, UnaryExpression, func, select
from sqlalchemy.orm import load_only, selectinload

from webhooks_ui.database import db, dialect
from webhooks_ui.masking import mask_url
from webhooks_ui.models import Webhook, WebhookStatus
from webhooks_ui.models.webhook import IS_LIVE, STATUS_IS, searchable, status_of
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.notices import noticed
from webhooks_ui.webhooks.search import text_matches

FOUND_MAX = 500  # search results are capped here
ORDERS: dict[str, tuple[UnaryExpression[Any], ...]] = {
    "created_at": (Webhook.created_at.asc(), Webhook.id.asc()),
    "-created_at": (Webhook.created_at.desc(), Webhook.id.desc()),
    "name": (Webhook.name_key.asc(), Webhook.id.asc()),
    "-name": (Webhook.name_key.desc(), Webhook.id.desc()),
}
COLUMNS = (
    Webhook.name,
    Webhook.url,
    Webhook.environment,
    Webhook.active,
    Webhook.created_at,
    Webhook.breaker_opened_at,
    Webhook.probe_at,
    Webhook.throttled_until,
    Webhook.disabled_at,
    Webhook.disabled_reason,
    Webhook.unreadable_at,
    Webhook.certificate_notice,
    Webhook.failures,
)

Kind = tuple[str, str]  # environment and status


@dataclass(frozen=True)
class Page:
    """One page of webhooks, with the totals for its links and filters."""

    webhooks: list[Webhook]
    total: int  # how many webhooks the filters match
    number: int  # of this page, from 1
    count: int  # how many pages there are
    totals: Counter[Kind] | None = None  # all that the text search finds. None if it found too many to count
    is_cut: bool = False  # whether more than ``total`` webhooks match

    @property
    def summary(self) -> str:
        """The total in words, such as ``1,234 webhooks``."""
        return f"{self.total:,}{'+' if self.is_cut else ''} webhook{'' if self.total == 1 else 's'}"

    def total_of(self, environment: str, status: str) -> int | None:
        """Return the total for another environment and status (empty for any), or ``None`` if it wasn't counted."""
        if self.totals is None:
            return None
        return sum(count for kind, count in self.totals.items() if _fits(kind, environment, status))


def find_page(filters: WebhookFilters, whole_urls: bool = True) -> Page:
    """Return the page that ``filters`` ask for, or the last page if there are fewer.

    Args:
        whole_urls: False finds only what a masked URL shows. Otherwise somebody could find out a URL by searching.
    """
    return _search(filters, whole_urls) if filters.q else _browse(filters)


def _browse(filters: WebhookFilters) -> Page:
    totals = count_kinds()
    total = sum(count for kind, count in totals.items() if _fits(kind, filters.environment, filters.status))
    number, pages = _place(filters, total)
    query = _ids(filters).offset((number - 1) * filters.size).limit(filters.size)
    shown = list(db.session.scalars(query)) if total else []
    return Page(_load(shown, filters.sort), total, number, pages, totals)


def _search(filters: WebhookFilters, whole_urls: bool) -> Page:
    """Return the page of a text search. One query of the index serves both the page and the totals."""
    found = _matches(replace(filters, environment="", status=""), whole_urls)
    totals = Counter(kind for _, kind in found) if len(found) <= FOUND_MAX else None
    if totals is None and (filters.environment or filters.status):
        found = _matches(filters, whole_urls)
    ids = [id for id, kind in found if _fits(kind, filters.environment, filters.status)]
    is_cut, ids = len(ids) > FOUND_MAX, ids[:FOUND_MAX]
    number, pages = _place(filters, len(ids))
    shown = ids[(number - 1) * filters.size : number * filters.size]
    return Page(_load(shown, filters.sort), len(ids), number, pages, totals, is_cut)


def count_kinds() -> Counter[Kind]:
    """Return how many webhooks there are of each environment and status."""
    switched = select(Webhook.environment, Webhook.active, func.count()).where(IS_LIVE)
    totals: Counter[Kind] = Counter()
    for environment, active, count in db.session.execute(switched.group_by(Webhook.environment, Webhook.active)):
        totals[environment, status_of(active, None, None)] += count
    for row in noticed():
        totals[row.environment, status_of(row.active, None, None)] -= 1
        totals[row.environment, row.status] += 1
    return totals


def _place(filters: WebhookFilters, total: int) -> tuple[int, int]:
    """Return the number of the page to show, and the number of pages."""
    pages = max(1, -(-total // filters.size))
    return min(filters.page, pages), pages


def _ids(filters: WebhookFilters, *columns: Any) -> Select[Any]:
    """Return a query for the ids that ``filters`` match, in order. An index holds all columns that it needs."""
    return select(Webhook.id, *columns).where(*_conditions(filters)).order_by(*ORDERS[filters.sort])


def _matches(filters: WebhookFilters, whole_urls: bool) -> list[tuple[int, Kind]]:
    """Return the ids and kinds of the webhooks that ``filters`` match, in order.

    Return at most ``FOUND_MAX + 1``, so that the caller sees whether there are too many.
    """
    columns = Webhook.environment, Webhook.active, Webhook.breaker_opened_at, Webhook.disabled_at
    query = _ids(filters, *columns).limit(FOUND_MAX + 1)
    if not whole_urls:
        query = query.limit(None).where(Webhook.id.in_(_shown_masked(filters)))
    rows = db.session.execute(query)
    return [(id, (environment, status_of(*state))) for id, environment, *state in rows]


def _shown_masked(filters: WebhookFilters) -> list[int]:
    """Return the ids of those that ``filters`` match by their name or by what a masked URL shows."""
    wanted = searchable(filters.q)
    shown: list[int] = []
    for row in db.session.execute(_ids(filters, Webhook.name, Webhook.url)):
        if wanted in searchable(row.name) or wanted in searchable(mask_url(row.url)):
            shown.append(row.id)
        if len(shown) > FOUND_MAX:
            break
    return shown


def _fits(kind: Kind, environment: str, status: str) -> bool:
    return environment in ("", kind[0]) and status in ("", kind[1])


def _load(ids: list[int], sort: str) -> list[Webhook]:
    """Return the rows to show. Only these rows are read from the table."""
    rows = (
        select(Webhook)
        .where(Webhook.id.in_(ids))
        .order_by(*ORDERS[sort])
        .options(load_only(*COLUMNS), selectinload(Webhook.subscriptions))
    )
    return list(db.session.scalars(rows)) if ids else []


def _conditions(filters: WebhookFilters) -> list[Any]:
    conditions: list[Any] = [IS_LIVE]
    if filters.environment:
        conditions.append(dialect(db.engine).unindexed(Webhook.environment) == filters.environment)
    if filters.status:
        conditions.append(STATUS_IS[WebhookStatus(filters.status)])
    if filters.q:
        conditions.append(text_matches(filters.q))
    return conditions
