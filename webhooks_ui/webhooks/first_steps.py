"""What is left to do after a webhook was created: a list that ticks itself."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Delivery, DeliveryStatus, DeliveryTrigger, Webhook, utcnow

SHOWN_FOR = timedelta(days=14)  # after the webhook was created
LOOKED_AT = 200  # of its first deliveries
COPIED = ("webhook.secret_copied", "webhook.secret_revealed")


@dataclass(frozen=True)
class FirstSteps:
    """What has happened so far."""

    secret: bool  # somebody has the secret
    tested: bool  # a test event was sent
    answered: bool  # the endpoint answered 2xx
    real: bool  # an event that wasn't a test arrived
    reached: bool  # the endpoint answered anything, so no firewall holds our requests back

    @property
    def is_done(self) -> bool:
        """Whether the webhook does what it was created for, whatever step somebody left out."""
        return self.real

    @property
    def mark(self) -> str:
        """A text that changes when another step is ticked."""
        return "".join("1" if done else "0" for done in vars(self).values())


def first_steps(webhook: Webhook) -> FirstSteps | None:
    """Return how far somebody has come with a new webhook, or None if it isn't new."""
    if utcnow() - webhook.created_at > SHOWN_FOR:
        return None
    ids = select(Delivery.id).filter_by(webhook_id=webhook.id).order_by(Delivery.id).limit(LOOKED_AT)
    kinds = select(Delivery.trigger, Delivery.status, func.max(Delivery.response_code)).where(Delivery.id.in_(ids))
    found = db.session.execute(kinds.group_by(Delivery.trigger, Delivery.status)).all()
    delivered = [trigger for trigger, status, _ in found if status == DeliveryStatus.DELIVERED]
    return FirstSteps(
        secret=_has_secret(webhook),
        tested=any(trigger == DeliveryTrigger.TEST for trigger, _, _ in found),
        answered=bool(delivered),
        real=any(trigger != DeliveryTrigger.TEST for trigger in delivered),
        reached=any(code is not None for _, _, code in found),
    )


def note_copied(webhook: Webhook) -> None:
    """Remember that somebody copied the secret. The caller owns the transaction."""
    if not _has_secret(webhook):
        audit.record(COPIED[0], "webhook", webhook.id, webhook.name)


def _has_secret(webhook: Webhook) -> bool:
    taken = select(AuditEntry.id).filter_by(object_type="webhook", object_id=webhook.id)
    return db.session.scalar(taken.where(AuditEntry.action.in_(COPIED)).limit(1)) is not None
