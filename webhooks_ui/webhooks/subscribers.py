"""Says why an event goes to no webhook."""

from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.models import Subscription, Webhook
from webhooks_ui.models.webhook import IS_LIVE, IS_ON


def why_nobody(environment: str, event_type: str) -> str:
    """Return the reason why no webhook gets an event of this type, or "" if one does."""
    webhooks = select(func.count()).select_from(Webhook).where(Webhook.environment == environment, IS_LIVE)
    subscribed = webhooks.where(Webhook.subscriptions.any(Subscription.event_type == event_type))
    if db.session.scalar(subscribed.where(IS_ON)):
        return ""
    if inactive := db.session.scalar(subscribed):
        webhook = "The only subscribed webhook is" if inactive == 1 else f"All {inactive:,} subscribed webhooks are"
        return f"{webhook} inactive."
    if db.session.scalar(webhooks):
        return f"No webhook in {environment} is subscribed to {event_type}."
    return f"There is no webhook in {environment}."
