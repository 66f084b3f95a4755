"""Text search among webhooks."""

from sqlalchemy import ColumnElement, or_, select

from webhooks_ui.database import db, dialect
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook import searchable
from webhooks_ui.webhooks.texts import webhooks_with


def text_matches(text: str) -> ColumnElement[bool]:
    """Return the condition that a webhook's name or URL holds ``text``, in upper or lower case."""
    wanted, contains = searchable(text), dialect(db.engine).contains
    known = webhooks_with(wanted)
    if known is not None:
        return Webhook.id.in_(known)
    long = select(Webhook.id).where(Webhook.search_rest.is_not(None), contains(Webhook.search_rest, wanted))
    return or_(contains(Webhook.search_text, wanted), Webhook.id.in_(long))
