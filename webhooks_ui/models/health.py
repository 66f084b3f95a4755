"""The health of a webhook: what its last attempts say. Its status is another thing: what its switch says."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_

from webhooks_ui.models.stats import hour_of
from webhooks_ui.models.visible import words
from webhooks_ui.models.webhook import Webhook
from webhooks_ui.models.webhook_state import IS_DISABLED, IS_UNREADABLE

HOURS = 24  # that health looks back at. The present hour is the last of them


class WebhookHealth(StrEnum):
    """The first one that holds is the health of a webhook. It is computed and never stored."""

    DISABLED = "disabled"  # a worker switched it off
    SECRET_LOST = "secret_lost"  # noqa: S105 (none of ENCRYPTION_KEYS can decrypt it, so deliveries wait)
    FAILING = "failing"  # its breaker is open, or there were attempts in the last 24 hours and none succeeded
    THROTTLED = "throttled"  # its endpoint asked to wait, and the time isn't over
    NO_DELIVERIES = "no_deliveries"  # there was no attempt in the last 24 hours
    HEALTHY = "healthy"

    @property
    def label(self) -> str:
        """The name of the health on the pages."""
        return "Disabled automatically" if self is WebhookHealth.DISABLED else words(self)


def first_hour(now: datetime) -> int:
    """Return the number of the first of the last 24 hours."""
    return hour_of(now) - HOURS + 1


def health_of(webhook: Any, now: datetime) -> WebhookHealth | None:
    """Return the health of a webhook, or ``None`` for one that a person switched off.

    Args:
        webhook: a webhook, or a row with its ``HEALTH_COLUMNS``.
    """
    start = first_hour(now)
    if not webhook.active and webhook.disabled_at:
        return WebhookHealth.DISABLED
    if webhook.unreadable_at:
        return WebhookHealth.SECRET_LOST
    if not webhook.active:
        return None
    if webhook.breaker_opened_at or webhook.succeeded_hour < start <= webhook.attempted_hour:
        return WebhookHealth.FAILING
    if webhook.throttled_until and webhook.throttled_until > now:
        return WebhookHealth.THROTTLED
    return WebhookHealth.HEALTHY if webhook.succeeded_hour >= start else WebhookHealth.NO_DELIVERIES


def health_is(health: WebhookHealth, now: datetime) -> ColumnElement[bool]:
    """Return the condition that ``health_of`` is ``health`` at ``now``."""
    start = first_hour(now)
    throttled = func.coalesce(Webhook.throttled_until > now, false())
    none_arrived = and_(Webhook.succeeded_hour < start, Webhook.attempted_hour >= start)
    sends = and_(Webhook.active, ~IS_UNREADABLE)
    works = and_(sends, Webhook.breaker_opened_at.is_(None), ~none_arrived)
    return {
        WebhookHealth.DISABLED: IS_DISABLED,
        WebhookHealth.SECRET_LOST: and_(IS_UNREADABLE, ~IS_DISABLED),
        WebhookHealth.FAILING: and_(sends, or_(Webhook.breaker_opened_at.is_not(None), none_arrived)),
        WebhookHealth.THROTTLED: and_(works, throttled),
        WebhookHealth.NO_DELIVERIES: and_(works, ~throttled, Webhook.succeeded_hour < start),
        WebhookHealth.HEALTHY: and_(works, ~throttled, Webhook.succeeded_hour >= start),
    }[health]
