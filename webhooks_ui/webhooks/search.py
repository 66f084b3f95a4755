"""Text search among webhooks."""

from sqlalchemy import ColumnElement

from webhooks_ui.database import db, dialect
from webhooks_ui.models import Webhook


def text_matches(text: str) -> ColumnElement[bool]:
    """Return the condition that a webhook's name or URL holds ``text``, in upper or lower case."""
    return dialect(db.engine).contains(Webhook.search_text, text.casefold())
