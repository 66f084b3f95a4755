"""Notices: what people must be told of without asking. Each lasts as long as its reason does."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select

from webhooks_ui.extensions import db
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook import NOTICED

SHOWN_MAX = 200


def _noticed() -> ColumnElement[bool]:
    """A webhook that fails, or that was disabled because it failed too long."""
    failing = and_(Webhook.active, Webhook.breaker_opened_at.is_not(None))
    disabled = and_(~Webhook.active, Webhook.disabled_at.is_not(None))
    return and_(NOTICED, Webhook.deleted_at.is_(None), or_(failing, disabled))


def count_notices() -> int:
    return db.session.scalar(select(func.count(Webhook.id)).where(_noticed())) or 0


def noticed_webhooks() -> Sequence[Webhook]:
    """The webhooks that need someone, the latest first; the first 200 of them."""
    since = func.coalesce(Webhook.disabled_at, Webhook.breaker_opened_at)
    query = select(Webhook).where(_noticed()).order_by(since.desc(), Webhook.id.desc()).limit(SHOWN_MAX)
    return db.session.scalars(query).all()
