"""The webhook list: filters out of a query string, the rows that they show, and how many there are of each kind."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, func, select
from sqlalchemy.orm import load_only, selectinload
from sqlalchemy.sql.operators import custom_op

from webhooks_ui.environment import current_environment
from webhooks_ui.extensions import db
from webhooks_ui.models import Environment, Webhook, WebhookStatus
from webhooks_ui.models.webhook import LIVE, status_of
from webhooks_ui.notices import noticed
from webhooks_ui.page_size import PAGE_SIZES, page_size

FOUND_MAX = 500  # by a search: who finds more types another letter
SEARCH_MAX_CHARACTERS = 200
DEFAULT_SORT = "-created_at"
SORTS: dict[str, tuple[UnaryExpression[Any], ...]] = {
    "created_at": (Webhook.created_at.asc(), Webhook.id.asc()),
    "-created_at": (Webhook.created_at.desc(), Webhook.id.desc()),
    "name": (Webhook.name_key.asc(), Webhook.id.asc()),
    "-name": (Webhook.name_key.desc(), Webhook.id.desc()),
}
STATUSES: dict[WebhookStatus, ColumnElement[bool]] = {
    WebhookStatus.ACTIVE: and_(Webhook.active, Webhook.breaker_opened_at.is_(None)),
    WebhookStatus.FAILING: and_(Webhook.active, Webhook.breaker_opened_at.is_not(None)),
    WebhookStatus.INACTIVE: and_(~Webhook.active, Webhook.disabled_at.is_(None)),
    WebhookStatus.DISABLED: and_(~Webhook.active, Webhook.disabled_at.is_not(None)),
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
class Filters:
    """What the list shows; a value that makes no sense counts as not given."""

    q: str = ""
    environment: str = ""
    status: str = ""
    sort: str = DEFAULT_SORT
    size: int = PAGE_SIZES[0]
    page: int = 1

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "Filters":
        environment = query.get("environment", current_environment())
        status, sort = query.get("status", ""), query.get("sort", "")
        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:SEARCH_MAX_CHARACTERS],
            environment=environment if environment in tuple(Environment) else "",
            status=status if status in tuple(WebhookStatus) else "",
            sort=sort if sort in SORTS else DEFAULT_SORT,
            size=page_size(query.get("size", "")),
            page=_page_number(query.get("page", "")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether webhooks may exist that these filters hide."""
        return bool(self.q or self.environment or self.status)

    def query(self, **changes: str | int) -> dict[str, Any]:
        """The query string's values, without those that are as they would be without being named.

        From the second page on the size is: another one would make it another page.
        """
        changed = replace(self, **changes)  # type: ignore[arg-type]
        usual = vars(Filters()) | ({"environment": None} if current_environment() else {})
        if changed.page > 1 or page_size() != usual["size"]:
            usual["size"] = None
        return {name: value for name, value in vars(changed).items() if value != usual[name]}


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


def find(filters: Filters) -> Page:
    """The page of webhooks that ``filters`` ask for, or the last one if there are fewer pages."""
    return _search(filters) if filters.q else _browse(filters)


def _browse(filters: Filters) -> Page:
    totals = count_kinds()
    total = sum(count for kind, count in totals.items() if _fits(kind, filters.environment, filters.status))
    number, pages = _place(filters, total)
    query = _ids(filters).offset((number - 1) * filters.size).limit(filters.size)
    shown = list(db.session.scalars(query)) if total else []
    return Page(_load(shown, filters.sort), total, number, pages, totals)


def _search(filters: Filters) -> Page:
    """One look at the index finds all that has the text, for the page and the totals alike."""
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
    switched = select(Webhook.environment, Webhook.active, func.count()).where(LIVE)
    totals: Counter[Kind] = Counter()
    for environment, active, count in db.session.execute(switched.group_by(Webhook.environment, Webhook.active)):
        totals[environment, status_of(active, None, None)] += count
    for _, environment, *state in noticed():
        totals[environment, status_of(state[0], None, None)] -= 1
        totals[environment, status_of(*state)] += 1
    return totals


def _place(filters: Filters, total: int) -> tuple[int, int]:
    """The number of the page to show, and how many there are."""
    pages = max(1, -(-total // filters.size))
    return min(filters.page, pages), pages


def _ids(filters: Filters, *columns: Any) -> Select[Any]:
    """The ids that ``filters`` show, in order, by the index that holds all that this looks at."""
    return select(Webhook.id, *columns).where(*_conditions(filters)).order_by(*SORTS[filters.sort])


def _matches(filters: Filters) -> list[tuple[int, Kind]]:
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
        .order_by(*SORTS[sort])
        .options(load_only(*COLUMNS), selectinload(Webhook.subscriptions))
    )
    return list(db.session.scalars(rows)) if ids else []


def _conditions(filters: Filters) -> list[Any]:
    conditions: list[Any] = [LIVE]
    if filters.environment:
        conditions.append(_unindexed(Webhook.environment) == filters.environment)
    if filters.status:
        conditions.append(STATUSES[WebhookStatus(filters.status)])
    if filters.q:
        conditions.append(text_matches(filters.q))
    return conditions


def _unindexed(column: Any) -> Any:
    """``column``, so that SQLite goes by the index of the order: by that of the column it would read rows, and sort."""
    return UnaryExpression(column, operator=custom_op("+")) if db.engine.dialect.name == "sqlite" else column


def text_matches(text: str) -> ColumnElement[bool]:
    """Whether a webhook's name or URL holds ``text``, in any case."""
    if db.engine.dialect.name == "postgresql":
        return func.strpos(Webhook.search_text, text.casefold()) > 0  # it takes half as long as LIKE
    return Webhook.search_text.contains(text.casefold(), autoescape=True)


def _page_number(text: str) -> int:
    return max(1, int(text[:9])) if text.isdecimal() else 1  # nine digits are past any end
