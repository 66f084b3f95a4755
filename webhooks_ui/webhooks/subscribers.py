"""Who gets an event: the active webhooks of its environment that want its type and whose filter lets it pass."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, bindparam, cast, exists, func, select

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.events.conditions import UNREADABLE_FILTER, Filter
from webhooks_ui.models import Delivery, Subscription, Webhook, utcnow
from webhooks_ui.models.delivery import PENDING
from webhooks_ui.models.types import UtcDateTime
from webhooks_ui.models.webhook_state import IS_LIVE, IS_ON

_webhooks, _subscriptions = Webhook.__table__.c, Subscription.__table__.c


def is_free(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition that nothing keeps new deliveries of a webhook from going out at once."""
    backlog = (  # the status is a literal, because a bound value would not match the condition of the partial index
        exists().where(Delivery.webhook_id == _webhooks.id, PENDING, Delivery.due_at <= now).correlate_except(Delivery)
    )
    return and_(
        Webhook.consecutive_failures == 0,
        Webhook.throttle_rate.is_(None),
        Webhook.rate_limit.is_(None),
        ~Webhook.in_order,
        ~backlog,
    )


def columns(now: ColumnElement[datetime]) -> list[ColumnElement[Any]]:
    """Return the columns of a ``Subscriber``."""
    texts = (cast(_webhooks.filter, Text), cast(_webhooks.fields, Text))
    return [_webhooks.id, _webhooks.in_order, *texts, _webhooks.version, is_free(now)]


def wanting(
    environment: ColumnElement[str], event_type: ColumnElement[str], *columns: ColumnElement[Any]
) -> Select[Any]:
    """Return a query for columns of the active webhooks that want a type."""
    return (
        select(*columns)
        .join_from(Subscription.__table__, Webhook.__table__, _webhooks.id == _subscriptions.webhook_id)
        .where(_subscriptions.event_type == event_type, _webhooks.environment == environment, IS_ON)
    )


# The parameters of queries. Those are built once, because that costs as much as running one
ENVIRONMENT = bindparam("environment", type_=_webhooks.environment.type)
TYPE = bindparam("type", type_=_subscriptions.event_type.type)
NOW = bindparam("now", type_=UtcDateTime)
_SUBSCRIBERS = Query(wanting(ENVIRONMENT, TYPE, *columns(NOW)))


class Subscriber(NamedTuple):
    """An active webhook that wants a type."""

    webhook_id: int
    in_order: bool
    filter: Filter | None
    fields: str | None  # of its deliveries, see events.selection
    version: int
    is_free: bool  # nothing keeps its deliveries from going out at once

    @classmethod
    def of(cls, webhook_id: int, in_order: bool, filter: str | None, *others: Any) -> "Subscriber":
        """Return the subscriber with these values of ``columns``."""
        return cls(webhook_id, in_order, _filter(filter), *others)

    def wants(self, data: Mapping[str, Any]) -> bool:
        """Return True if its filter lets an event with this data pass."""
        return self.filter is None or self.filter.passes(data)


def subscribers(connection: Connection, environment: str, types: Iterable[str]) -> dict[str, list[Subscriber]]:
    """Return the active webhooks that want each type."""
    values = {"environment": environment, "now": utcnow()}
    return {
        type: [Subscriber.of(*row) for row in _SUBSCRIBERS.rows(connection, {**values, "type": type})] for type in types
    }


@lru_cache(maxsize=1_024)
def _filter(stored: str | None) -> Filter | None:
    try:
        return Filter.parse(json.loads(stored)) if stored else None
    except ValueError:
        return UNREADABLE_FILTER


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
