"""The conditions that queries ask of webhooks: whether they are there, send, wait, and what people must be told of."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, or_

from webhooks_ui.models.webhook import PACED_LATELY, Webhook

IS_LIVE = Webhook.deleted_at.is_(None)
IS_DELETED = Webhook.deleted_at.is_not(None)
IS_ON = and_(Webhook.active, IS_LIVE)  # new events are delivered to it
IS_SENDABLE = and_(IS_ON, Webhook.breaker_opened_at.is_(None))  # its deliveries are sent when they are due


def holds_back(now: datetime) -> ColumnElement[bool]:
    """Return the condition that ``is_throttled`` or ``is_paced`` is true at ``now``."""
    return or_(_is_throttled(now), func.coalesce(Webhook.paced_until > now - PACED_LATELY, false()))


def stops(now: datetime) -> ColumnElement[bool]:
    """Return the condition that the state of a webhook lets nothing out at ``now``, but for its probes."""
    return or_(~Webhook.active, Webhook.breaker_opened_at.is_not(None), IS_UNREADABLE, _is_throttled(now))


def _is_throttled(now: datetime) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = func.coalesce(Webhook.throttled_until > now, false())
    return condition


IS_BROKEN = and_(Webhook.active, Webhook.breaker_opened_at.is_not(None))
IS_DISABLED = and_(~Webhook.active, Webhook.disabled_at.is_not(None))
IS_UNREADABLE = Webhook.unreadable_at.is_not(None)
GIVES_UP = and_(Webhook.active, Webhook.given_up_since.is_not(None))
# The condition of ix_webhooks_ailing: for any other webhook, the status and the two hours alone say how it does
MAY_AIL = or_(
    Webhook.breaker_opened_at.is_not(None),
    Webhook.disabled_at.is_not(None),
    Webhook.unreadable_at.is_not(None),
    Webhook.throttled_until.is_not(None),
    Webhook.certificate_notice.is_not(None),
)
HAS_CERTIFICATE_NOTICE = and_(
    Webhook.active, Webhook.certificate_notice.is_not(None), Webhook.certificate_ends_at.is_not(None)
)
IS_REMINDED = or_(IS_BROKEN, IS_DISABLED, IS_UNREADABLE, GIVES_UP)  # by mail, daily
IS_NOTICED = and_(IS_LIVE, MAY_AIL, or_(IS_REMINDED, HAS_CERTIFICATE_NOTICE))  # pages show a notice about it
