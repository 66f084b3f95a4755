"""What is in the database now, for tests whose deliveries were made by others."""

from webhooks_ui.database import db
from webhooks_ui.models import Attempt, Delivery, Webhook


def the_webhook() -> Webhook:
    """Return the only webhook."""
    db.session.rollback()
    webhook: Webhook = db.session.scalars(db.select(Webhook)).one()
    return webhook


def the_delivery() -> Delivery:
    """Return the only delivery."""
    db.session.rollback()
    delivery: Delivery = db.session.scalars(db.select(Delivery)).one()
    return delivery


def attempts() -> list[Attempt]:
    """Return all attempts, the oldest first."""
    db.session.rollback()
    return list(db.session.scalars(db.select(Attempt).order_by(Attempt.id)))
