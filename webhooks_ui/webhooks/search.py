"""Text search among webhooks."""

from sqlalchemy import ColumnElement, or_, select

from webhooks_ui.database import db, dialect
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook import searchable
from webhooks_ui.webhooks import texts


def known_ids(text: str) -> list[int] | None:
    """Return the webhooks whose name or URL holds ``text``, deleted ones included. ``None``: ask the database.

    Of more than ``texts.FOUND_MAX``, one more than these are returned.
    """
    return texts.webhooks_with(searchable(text))


def known_newest(text: str, most: int) -> list[int] | None:
    """Return the newest ``most`` webhooks that hold ``text``, newest first. ``None``: ask the database."""
    return texts.newest_with(searchable(text), most)


def text_matches(text: str) -> ColumnElement[bool]:
    """Return the condition that a webhook's name or URL holds ``text``, in upper or lower case.

    If very many do, the database is soon done with the first ones.
    """
    known = known_ids(text)
    return has_text(text) if known is None or len(known) > texts.FOUND_MAX else among_ids(known)


def among_ids(known: list[int]) -> ColumnElement[bool]:
    """Return the condition that a webhook is one of those that are known."""
    return dialect(db.engine).among(Webhook.id, known)


def has_text(text: str) -> ColumnElement[bool]:
    """Return the same condition in a form that the database checks."""
    wanted, contains = searchable(text), dialect(db.engine).contains
    long = select(Webhook.id).where(Webhook.search_rest.is_not(None), contains(Webhook.search_rest, wanted))
    return or_(contains(Webhook.search_text, wanted), Webhook.id.in_(long))
