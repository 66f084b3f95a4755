"""What the tests of a page read from the database after a request."""

from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Webhook


def reloaded(webhook: Webhook) -> Webhook:
    return db.session.get_one(Webhook, webhook.id, populate_existing=True)


def recorded_actions() -> list[str]:
    return list(db.session.scalars(db.select(AuditEntry.action).order_by(AuditEntry.id)))
