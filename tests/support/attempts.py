"""Counts attempts in the statistics of a webhook, as the workers do."""

from datetime import timedelta
from typing import Any

from jobs.health import count, judge_webhooks
from jobs.retry import Attempted
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Webhook, utcnow

THRESHOLD = 1_000_000  # no breaker opens


def count_attempts(webhook_id: int, *, succeeded: bool, hours_ago: int = 0, count_of: int = 1) -> None:
    """Count attempts that took 100 ms, in the hour that is so many ``hours_ago``."""
    at = utcnow().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    code = 200 if succeeded else 500
    outcome = "" if succeeded else "bad_status"
    url = db.session.get_one(Webhook, webhook_id).url
    told: dict[str, Any] = {"webhook_id": webhook_id, "url": url, "duration_ms": 100, "outcome": outcome}
    attempt = Attempted(succeeded, 1, at, code, started_at=at, **told)
    made = [attempt] * count_of
    db.session.rollback()  # the next read of the session sees the change
    with write_transaction() as connection:
        judge_webhooks(connection, made, THRESHOLD)
        count(connection, made)
