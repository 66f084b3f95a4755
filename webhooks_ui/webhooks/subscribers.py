"""Who gets an event: the active webhooks of its environment that want its type and whose filter lets it pass."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, and_, bindparam, cast, exists, func, select

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.events.conditions import Filter
from webhooks_ui.models import Delivery, Subscription, Webhook, utcnow
from webhooks_ui.models.delivery import PENDING
from webhooks_ui.models.types import UtcDateTime
from webhooks_ui.models.webhook import IS_LIVE, IS_ON

# Built once, because building a statement costs as much as running it
_webhooks, _subscriptions = Webhook.__table__.c, Subscription.__table__.c
_BACKLOG = (  # the status is a literal, because a bound value would not match the condition of the partial index
    exists()
    .where(Delivery.webhook_id == _webhooks.id, PENDING, Delivery.due_at <= bindparam("now", type_=UtcDateTime))
    .correlate(Webhook.__table__)
)
_IS_FREE = and_(
    Webhook.consecutive_failures == 0,
    Webhook.throttle_rate.is_(None),
    Webhook.rate_limit.is_(None),
    ~Webhook.in_order,
    ~_BACKLOG,
)
_SUBSCRIBERS = Query(
    select(
        _webhooks.id,
        _webhooks.in_order,
        cast(_webhooks.filter, Text),
        cast(_webhooks.fields, Text),
        _webhooks.version,
        _IS_FREE,
    )
    .join_from(Subscription.__table__, Webhook.__table__, _webhooks.id == _subscriptions.webhook_id)
    .where(
        _subscriptions.event_type == bindparam("type", type_=_subscriptions.event_type.type),
        _webhooks.environment == bindparam("environment", type_=_webhooks.environment.type),
        IS_ON,
    )
)


class Subscriber(NamedTuple):
    """An active webhook that wants a type."""

    webhook_id: int
    in_order: bool
    filter: Filter | None
    fields: str | None  # of its deliveries, see events.selection
    version: int
    is_free: bool  # nothing keeps its deliveries from going out at once

    def wants(self, data: Mapping[str, Any]) -> bool:
        """Return True if its filter lets an event with this data pass."""
        return self.filter is None or self.filter.passes(data)


def subscribers(connection: Connection, environment: str, types: Iterable[str]) -> dict[str, list[Subscriber]]:
    """Return the active webhooks that want each type."""
    values = {"environment": environment, "now": utcnow()}
    return {
        type: [
            Subscriber(id, in_order, _filter(filter), *others)
            for id, in_order, filter, *others in _SUBSCRIBERS.rows(connection, {**values, "type": type})
        ]
        for type in types
    }


@lru_cache(maxsize=1_024)
def _filter(stored: str | None) -> Filter | None:
    return Filter.parse(json.loads(stored)) if stored else None


def why_nobody(environment: str, event_type: str) -> str:
    """Return the reason why no webhook gets an event of this type, or "" if one may."""
    webhooks = select(func.count()).select_from(Webhook).where(Webhook.environment == environment, IS_LIVE)
    subscribed = webhooks.where(Webhook.subscriptions.any(Subscription.event_type == event_type))
    active = subscribed.where(IS_ON)
    if db.session.scalar(active.where(Webhook.filter.is_(None))):
        return ""
    if filtered := db.session.scalar(active):
        return f"{_webhooks_are(filtered, 'active subscribed')} filtering it out."
    if inactive := db.session.scalar(subscribed):
        return f"{_webhooks_are(inactive, 'subscribed')} inactive."
    if db.session.scalar(webhooks):
        return f"No webhook in {environment} is subscribed to {event_type}."
    return f"There is no webhook in {environment}."


def _webhooks_are(count: int, kind: str) -> str:
    return f"The only {kind} webhook is" if count == 1 else f"All {count:,} {kind} webhooks are"
