"""Pages of the webhook list: the rows that its filters show, and how many there are of each kind."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, UnaryExpression, func, select
from sqlalchemy.orm import load_only, selectinload

from webhooks_ui.database import db, dialect
from webhooks_ui.models import Webhook, WebhookStatus
from webhooks_ui.models.webhook import IS_LIVE, STATUS_IS, status_of
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
    Webhook.disabled_at,
    Webhook.disabled_reason,
)

Kind = tuple[str, str]  # environment and status


@dataclass(frozen=True)
class Page:
    """Some webhooks; and of all that the text finds, how many there are of each kind."""

    webhooks: list[Webhook]
    total: int  # that the filters show
    number: int
    count: int  # of pages
    totals: Counter[Kind] | None = None  # None: a search found too many to count
    is_cut: bool = False  # there are more than ``total``

    @property
    def summary(self) -> str:
        """How many there are, in words."""
        return f"{self.total:,}{'+' if self.is_cut else ''} webhook{'' if self.total == 1 else 's'}"

    def total_of(self, environment: str, status: str) -> int | None:
        """How many there would be with that environment and status (empty: any); ``None`` where it wasn't counted."""
        if self.totals is None:
            return None
        return sum(count for kind, count in self.totals.items() if _fits(kind, environment, status))


def find_page(filters: WebhookFilters) -> Page:
    """The page of webhooks that ``filters`` ask for, or the last one if there are fewer pages."""
    return _search(filters) if filters.q else _browse(filters)


def _browse(filters: WebhookFilters) -> Page:
    totals = count_kinds()
    total = sum(count for kind, count in totals.items() if _fits(kind, filters.environment, filters.status))
    number, pages = _place(filters, total)
    query = _ids(filters).offset((number - 1) * filters.size).limit(filters.size)
    shown = list(db.session.scalars(query)) if total else []
    return Page(_load(shown, filters.sort), total, number, pages, totals)


def _search(filters: WebhookFilters) -> Page:
    """Find all that has the text in one look at the index, for the page and the totals alike."""
    found = _matches(replace(filters, environment="", status=""))
    totals = Counter(kind for _, kind in found) if len(found) <= FOUND_MAX else None
    if totals is None and (filters.environment or filters.status):
        found = _matches(filters)
    ids = [id for id, kind in found if _fits(kind, filters.environment, filters.status)]
    is_cut, ids = len(ids) > FOUND_MAX, ids[:FOUND_MAX]
    number, pages = _place(filters, len(ids))
    shown = ids[(number - 1) * filters.size : number * filters.size]
    return Page(_load(shown, filters.sort), len(ids), number, pages, totals, is_cut)


def count_kinds() -> Counter[Kind]:
    """How many webhooks there are of each environment and status."""
    switched = select(Webhook.environment, Webhook.active, func.count()).where(IS_LIVE)
    totals: Counter[Kind] = Counter()
    for environment, active, count in db.session.execute(switched.group_by(Webhook.environment, Webhook.active)):
        totals[environment, status_of(active, None, None)] += count
    for row in noticed():
        totals[row.environment, status_of(row.active, None, None)] -= 1
        totals[row.environment, row.status] += 1
    return totals


def _place(filters: WebhookFilters, total: int) -> tuple[int, int]:
    """The number of the page to show, and how many there are."""
    pages = max(1, -(-total // filters.size))
    return min(filters.page, pages), pages


def _ids(filters: WebhookFilters, *columns: Any) -> Select[Any]:
    """The ids that ``filters`` show, in order, by the index that holds all that this looks at."""
    return select(Webhook.id, *columns).where(*_conditions(filters)).order_by(*ORDERS[filters.sort])


def _matches(filters: WebhookFilters) -> list[tuple[int, Kind]]:
    """Ids and kinds of the webhooks that ``filters`` show, in order, and one more than are counted."""
    columns = Webhook.environment, Webhook.active, Webhook.breaker_opened_at, Webhook.disabled_at
    rows = db.session.execute(_ids(filters, *columns).limit(FOUND_MAX + 1))
    return [(id, (environment, status_of(*state))) for id, environment, *state in rows]


def _fits(kind: Kind, environment: str, status: str) -> bool:
    return environment in ("", kind[0]) and status in ("", kind[1])


def _load(ids: list[int], sort: str) -> list[Webhook]:
    """The rows to show. Only they are read whole."""
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
