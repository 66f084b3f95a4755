"""What a process keeps about all webhooks together, until somebody changes something.

Each change of a webhook by a person or a program leaves an audit entry, so the newest entry tells whether there was
one. What workers note at a webhook leaves none, and transactions may commit in another order than that of their
entries. Therefore nothing is kept for long.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.models import AuditEntry, Webhook

Value = TypeVar("Value")

MANY = 20_000  # webhooks. For fewer, everything is worked out each time
_newest_entry = select(func.max(AuditEntry.id)).scalar_subquery()
_newest_webhook = select(func.max(Webhook.id)).scalar_subquery()
_NEWEST = Query(select(_newest_entry.label("entry"), _newest_webhook.label("webhook")))


def kept(make: Callable[..., Value], seconds: float, *of: Hashable) -> Value:
    """Return ``make(*of)``, or what it returned up to ``seconds`` ago if nobody has changed anything since.

    Threads may call it at the same time. Then each may call ``make``.
    """
    entry, webhook = _NEWEST.rows(db.session.connection(), {})[0]
    if (webhook or 0) < MANY:
        return make(*of)
    known: dict[Any, tuple[Hashable, float, Value]] = current_app.extensions.setdefault("kept", {})
    state, now = (entry, webhook, of), time.monotonic()
    if make in known:
        of_state, made_at, value = known[make]
        if of_state == state and now - made_at < seconds:
            return value
    value = make(*of)
    known[make] = state, now, value
    return value
