"""Notices about webhooks that fail, were disabled automatically, or lose events because their endpoint asks to wait.

There are also notices about a lost secret, and about a certificate that ends.

A notice goes away together with its reason.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook import certificate_since
from webhooks_ui.models.webhook_state import IS_NOTICED

SHOWN_MAX = 200


class Noticed(NamedTuple):
    """What a notice about a webhook follows from."""

    id: int
    environment: str
    breaker_opened_at: datetime | None
    disabled_at: datetime | None
    unreadable_at: datetime | None
    given_up_since: datetime | None
    certificate_ends_at: datetime | None
    certificate_notice: str | None

    @property
    def since(self) -> datetime | None:
        return (
            self.disabled_at
            or self.breaker_opened_at
            or self.unreadable_at
            or self.given_up_since
            or certificate_since(self.certificate_ends_at, self.certificate_notice)
        )


# The hint forces the index, which holds few of many thousand rows. SQLite's statistics may be too old to show that.
_NOTICED = (
    select(*(getattr(Webhook, name) for name in Noticed._fields))
    .where(IS_NOTICED)
    .with_hint(Webhook, "INDEXED BY ix_webhooks_ailing", "sqlite")
)


def noticed(environment: str = "") -> list[Noticed]:
    """Return the webhooks of ``environment`` (empty for all) that have a notice, the oldest notice first."""
    rows = [Noticed(*row) for row in db.session.execute(_NOTICED)]
    return sorted((row for row in rows if environment in ("", row.environment)), key=lambda row: (row.since, row.id))


def count_notices(environment: str) -> int:
    """Return how many webhooks of ``environment`` (empty for all) have a notice."""
    return len(noticed(environment))


def noticed_webhooks(environment: str) -> Sequence[Webhook]:
    """Return up to 200 webhooks of ``environment`` (empty for all) that have a notice, the latest notice first."""
    latest = noticed(environment)[-SHOWN_MAX:]
    found = db.session.scalars(select(Webhook).where(Webhook.id.in_([row.id for row in latest])))
    by_id = {webhook.id: webhook for webhook in found}
    return [by_id[row.id] for row in reversed(latest) if row.id in by_id]
