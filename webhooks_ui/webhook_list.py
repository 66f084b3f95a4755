"""The webhook list: filters out of a query string, and the rows that they show."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, and_, select
from sqlalchemy.orm import load_only, selectinload

from webhooks_ui.environment import current_environment
from webhooks_ui.extensions import db
from webhooks_ui.models import Environment, Webhook, WebhookStatus

PAGE_SIZES = (25, 50, 100)
COUNT_MAX = 5_000  # who has more searches instead of paging, and counting would take longer than showing
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


@dataclass(frozen=True)
class Filters:
    """What the list shows; a value that makes no sense counts as not given."""

    q: str = ""
    environment: str = ""
    status: str = ""
    sort: str = DEFAULT_SORT
    size: int = 25
    page: int = 1

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> "Filters":
        environment = query.get("environment", current_environment())
        status, sort, size = (query.get(name, "") for name in ("status", "sort", "size"))
        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:SEARCH_MAX_CHARACTERS],
            environment=environment if environment in tuple(Environment) else "",
            status=status if status in tuple(WebhookStatus) else "",
            sort=sort if sort in SORTS else DEFAULT_SORT,
            size=int(size) if size in map(str, PAGE_SIZES) else PAGE_SIZES[0],
            page=_page_number(query.get("page", "")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether webhooks may exist that these filters hide."""
        return bool(self.q or self.environment or self.status)

    def query(self, **changes: str | int) -> dict[str, Any]:
        """The query string's values, without those that are as they would be anyway."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        usual = vars(Filters()) | {"environment": current_environment()}
        return {name: value for name, value in vars(changed).items() if value != usual[name]}


@dataclass(frozen=True)
class Page:
    webhooks: list[Webhook]
    total: int  # at most COUNT_MAX
    number: int
    count: int

    @property
    def summary(self) -> str:
        """How many there are, in words."""
        more = "+" if self.total == COUNT_MAX else ""
        return f"{self.total:,}{more} webhook{'' if self.total == 1 else 's'}"


def find(filters: Filters) -> Page:
    """The page of webhooks that ``filters`` ask for, or the last one if there are fewer pages.

    One look at the index finds all ids, which is what costs with many webhooks; the rows shown are then read by id.
    """
    order = SORTS[filters.sort]
    ids = db.session.scalars(select(Webhook.id).where(*_conditions(filters)).order_by(*order).limit(COUNT_MAX)).all()
    pages = max(1, -(-len(ids) // filters.size))
    number = min(filters.page, pages)
    shown = ids[(number - 1) * filters.size : number * filters.size]
    rows = (
        select(Webhook)
        .where(Webhook.id.in_(shown))
        .order_by(*order)
        .options(load_only(*COLUMNS), selectinload(Webhook.subscriptions))
    )
    return Page(list(db.session.scalars(rows)), len(ids), number, pages)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Webhook.deleted_at.is_(None)]
    if filters.environment:
        conditions.append(Webhook.environment == filters.environment)
    if filters.status:
        conditions.append(STATUSES[WebhookStatus(filters.status)])
    if filters.q:
        conditions.append(text_matches(filters.q))
    return conditions


def text_matches(text: str) -> ColumnElement[bool]:
    """Whether a webhook's name or URL holds ``text``, in any case."""
    return Webhook.search_text.contains(text.casefold(), autoescape=True)


def _page_number(text: str) -> int:
    return max(1, int(text[:9])) if text.isdecimal() else 1  # nine digits are past any end
