"""How many rows a page of the webhook list has: chosen there, kept in the session."""

from flask import session

PAGE_SIZES = (25, 50, 100)


def page_size(text: str = "") -> int:
    """The size that ``text`` names; anything else means the one that was chosen last, or else the smallest."""
    if text in map(str, PAGE_SIZES):
        return int(text)
    remembered = session.get("page_size")
    return remembered if remembered in PAGE_SIZES else PAGE_SIZES[0]


def remember_page_size(size: int) -> None:
    """Keep ``size``, which is one of ``PAGE_SIZES``, for the pages to come."""
    session["page_size"] = size
