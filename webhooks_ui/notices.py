"""Notices: what people must be told of without asking. Each lasts as long as its reason does."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, text

from webhooks_ui.extensions import db
from webhooks_ui.models import Webhook, WebhookStatus
from webhooks_ui.models.webhook import status_of

SHOWN_MAX = 200

# SQLite is told the index: it holds a few rows of many thousand, which the statistics of an hour ago can't know.
_NOTICED = """
    SELECT id, environment, active, breaker_opened_at, disabled_at FROM webhooks {indexed}
    WHERE (breaker_opened_at IS NOT NULL OR disabled_at IS NOT NULL) AND deleted_at IS NULL
"""
_INDEXED = {"sqlite": "INDEXED BY ix_webhooks_noticed", "postgresql": ""}


def noticed() -> Sequence[Any]:
    """Id, environment and state of the webhooks that fail, or were disabled because they failed too long."""
    rows = db.session.execute(text(_NOTICED.format(indexed=_INDEXED[db.engine.dialect.name]))).all()
    return [row for row in rows if status_of(*row[2:]) in (WebhookStatus.FAILING, WebhookStatus.DISABLED)]


def _noticed_in(environment: str) -> Sequence[Any]:
    return [row for row in noticed() if environment in ("", row.environment)]


def count_notices(environment: str) -> int:
    """How many webhooks of ``environment`` (empty: of all) need someone."""
    return len(_noticed_in(environment))


def noticed_webhooks(environment: str) -> Sequence[Webhook]:
    """Those webhooks, the latest first; the first 200 of them."""
    oldest_first = sorted(_noticed_in(environment), key=lambda row: (row.disabled_at or row.breaker_opened_at, row.id))
    latest = oldest_first[-SHOWN_MAX:]
    since = func.coalesce(Webhook.disabled_at, Webhook.breaker_opened_at)
    query = select(Webhook).where(Webhook.id.in_([row.id for row in latest]))
    return db.session.scalars(query.order_by(since.desc(), Webhook.id.desc())).all()
