"""Webhooks whose client certificate ends soon or has ended. A chore marks them, so that pages and mail can tell."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update

from webhooks_ui.database import db, release, write_transaction
from webhooks_ui.models import Webhook, utcnow
from webhooks_ui.models.webhook import ENDING_WITHIN, CertificateNotice
from webhooks_ui.models.webhook_state import IS_LIVE


def mark() -> None:
    """Note which certificates have begun to need a notice, or another one. Each change is told by mail once.

    It opens its own transactions.
    """
    now = utcnow()
    for notice, condition in _due(now).items():
        found = db.session.scalars(select(Webhook.id).where(IS_LIVE, condition).limit(1)).first()
        release()
        if found is not None:
            with write_transaction() as connection:
                values = {"certificate_notice": str(notice), "notified_at": None}
                connection.execute(update(Webhook).where(IS_LIVE, condition).values(values))


def _due(now: datetime) -> dict[CertificateNotice, ColumnElement[bool]]:
    """Return the condition of the webhooks for which each notice is due and isn't there yet."""
    ends_at, present = Webhook.certificate_ends_at, Webhook.certificate_notice
    soon = and_(ends_at > now, ends_at <= now + ENDING_WITHIN)
    return {
        CertificateNotice.ENDING: and_(soon, present.is_(None)),
        CertificateNotice.ENDED: and_(ends_at <= now, present.is_distinct_from(str(CertificateNotice.ENDED))),
    }
