"""What a person chose and the browser remembers: the environment, the size of a page, the colour scheme."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import request, session

from webhooks_ui.models import Environment
from webhooks_ui.parsing import one_of
from webhooks_ui.webhooks.filters import PAGE_SIZES

PAGE_FIELDS = ("environment", "page", "cursor")  # that make no sense any more in another environment
THEMES = ("system", "light", "dark")


def current_environment() -> str:
    """Return the environment chosen in the top bar, one of ``Environment``, or an empty text for all of them."""
    return one_of(tuple(Environment), session.get("environment", ""))


def choose_environment(name: str) -> None:
    """Remember ``name``. What is no environment means all of them."""
    session["environment"] = one_of(tuple(Environment), name)


def follow_filter(environment: str) -> bool:
    """Make the environment that somebody just chose in a list's filter the current one. Return True if it changed."""
    filtered = request.headers.get("HX-Trigger", "").endswith("-filters") and "environment" in request.args
    if not filtered or environment == current_environment():
        return False
    choose_environment(environment)
    return True


def without_environment(address: str) -> str:
    """Return a path of ours without its own environment and place in a list, so that the current one holds."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in PAGE_FIELDS]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path


def page_size() -> int:
    """Return how many rows a page of the webhook list has: as chosen last, else the smallest of ``PAGE_SIZES``."""
    return next((size for size in PAGE_SIZES if size == session.get("page_size")), PAGE_SIZES[0])


def remember_page_size(size: int) -> None:
    """Keep ``size``, one of ``PAGE_SIZES``, for the pages to come."""
    session["page_size"] = size


def theme() -> str:
    """Return the colour scheme that this browser asked for, one of ``THEMES``."""
    return one_of(THEMES, request.cookies.get("theme", "")) or THEMES[0]
