"""Search among webhooks by their text."""

from sqlalchemy import ColumnElement

from webhooks_ui.database import db, dialect
from webhooks_ui.models import Webhook


def text_matches(text: str) -> ColumnElement[bool]:
    """Whether a webhook's name or URL holds ``text``, in any case."""
    return dialect(db.engine).contains(Webhook.search_text, text.casefold())
