"""The kinds of webhooks that the list filters by, and how many there are of each."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, literal, select, union_all

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.models import Environment, Webhook, WebhookHealth, WebhookStatus, utcnow
from webhooks_ui.models.health import first_hour, health_of
from webhooks_ui.models.webhook_state import IS_LIVE, MAY_AIL
from webhooks_ui.webhooks.kept import kept

KEPT_SECONDS = 5.0


class State(NamedTuple):
    """The columns of a webhook that its kind follows from."""

    environment: str
    active: bool
    disabled_at: datetime | None
    unreadable_at: datetime | None
    breaker_opened_at: datetime | None
    throttled_until: datetime | None
    succeeded_hour: int
    attempted_hour: int

    def when_well(self) -> "State":
        """Return the state as it would be if nothing ailed the webhook."""
        return self._replace(disabled_at=None, unreadable_at=None, breaker_opened_at=None, throttled_until=None)


COLUMNS = tuple(getattr(Webhook, name) for name in State._fields)
_AILING = Query(select(*COLUMNS).where(IS_LIVE, MAY_AIL).with_hint(Webhook, "INDEXED BY ix_webhooks_ailing", "sqlite"))


class Kind(NamedTuple):
    """What the list filters webhooks by."""

    environment: str
    status: str
    health: str  # empty for a webhook that a person switched off

    def fits(self, environment: str, status: str, health: str) -> bool:
        """Return True if it has these values. An empty text means any."""
        return environment in ("", self.environment) and status in ("", self.status) and health in ("", self.health)


def kind_of(row: Any, now: datetime) -> Kind:
    """Return the kind of a webhook.

    Args:
        row: It has the values of ``COLUMNS``.
    """
    status = WebhookStatus.ACTIVE if row.active else WebhookStatus.INACTIVE
    return Kind(row.environment, status, health_of(row, now) or "")


def count_kinds() -> Counter[Kind]:
    """Return how many webhooks there are of each environment, status and health.

    Of many webhooks, those that a first success or the end of a day made another kind may be counted 5 s late.
    """
    now = utcnow()
    totals = Counter(kept(_count_well, KEPT_SECONDS, first_hour(now)))
    for values in _AILING.rows(db.session.connection(), {}):
        state = State(*values)
        totals[kind_of(state.when_well(), now)] -= 1
        totals[kind_of(state, now)] += 1
    return totals


def _count_well(start: int) -> Mapping[Kind, int]:
    """Return the counts as they would be without what ``MAY_AIL`` finds. Each kind is a range of an index."""
    kinds, counts = _well_counted()
    return {kinds[place]: count for place, count in counts.rows(db.session.connection(), {"start": start})}


@cache
def _well_counted() -> tuple[list[Kind], Query]:
    """Return the kinds, and the statement that counts each of them."""
    start = bindparam("start", type_=Webhook.succeeded_hour.type)
    conditions: dict[tuple[str, str], tuple[Any, ...]] = {
        (WebhookStatus.INACTIVE, ""): (~Webhook.active,),
        (WebhookStatus.ACTIVE, WebhookHealth.HEALTHY): (Webhook.active, Webhook.succeeded_hour >= start),
        (WebhookStatus.ACTIVE, WebhookHealth.FAILING): (
            Webhook.active,
            Webhook.succeeded_hour < start,
            Webhook.attempted_hour >= start,
        ),
        (WebhookStatus.ACTIVE, WebhookHealth.NO_DELIVERIES): (
            Webhook.active,
            Webhook.succeeded_hour < start,
            Webhook.attempted_hour < start,
        ),
    }
    kinds = [Kind(environment, *kind) for environment in Environment for kind in conditions]
    counts = (
        select(literal(place), func.count())
        .where(IS_LIVE, Webhook.environment == kind.environment, *conditions[kind.status, kind.health])
        .with_hint(Webhook, "INDEXED BY ix_webhooks_counted", "sqlite")
        for place, kind in enumerate(kinds)
    )
    return kinds, Query(union_all(*counts))
