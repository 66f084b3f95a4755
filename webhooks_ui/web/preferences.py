"""The choices that a browser remembers: environment, rows per page, their height, theme, shortcuts, live lists."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import request, session

from webhooks_ui.models import Environment
from webhooks_ui.parsing import one_of
from webhooks_ui.webhooks.filters import PAGE_SIZES

PAGE_FIELDS = ("environment", "page", "cursor")  # not valid in another environment
THEMES = ("system", "light", "dark")
DENSITIES = ("compact", "comfortable")  # of the rows of lists. The first one is the default
SHORTCUTS = ("on", "off")  # of a single character. WCAG 2.1.4 asks for a way to turn them off
LIVE = ("off", "on")  # whether lists follow new deliveries by themselves


def current_environment() -> str:
    """Return the environment chosen in the top bar, one of ``Environment``, or an empty text for all of them."""
    return one_of(tuple(Environment), session.get("environment", ""))


def first_environment() -> str:
    """Return the environment that a form begins with: that in its address, else the current one, else production."""
    looked_at = one_of(tuple(Environment), request.args.get("environment", ""))
    return looked_at or current_environment() or Environment.PRODUCTION


def choose_environment(name: str) -> None:
    """Remember ``name``, one of ``Environment``, or an empty text for all of them."""
    session["environment"] = name


def without_environment(address: str) -> str:
    """Return ``address`` without its environment and its place in a list, so that the current environment counts."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in PAGE_FIELDS]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path


def page_size() -> int:
    """Return the rows per page of the webhook list: the last choice, else the first of ``PAGE_SIZES``."""
    return next((size for size in PAGE_SIZES if size == session.get("page_size")), PAGE_SIZES[0])


def remember_page_size(size: int) -> None:
    """Remember ``size``, one of ``PAGE_SIZES``."""
    session["page_size"] = size


def density() -> str:
    """Return the height of rows that was chosen in this browser, one of ``DENSITIES``."""
    return one_of(DENSITIES, request.cookies.get("density", "")) or DENSITIES[0]


def shortcuts() -> str:
    """Return whether keyboard shortcuts work in this browser, one of ``SHORTCUTS``."""
    return one_of(SHORTCUTS, request.cookies.get("shortcuts", "")) or SHORTCUTS[0]


def is_live() -> bool:
    """Return True if lists follow new deliveries in this browser."""
    return request.cookies.get("live") == "on"


def theme() -> str:
    """Return the color scheme that was chosen in this browser, one of ``THEMES``."""
    return one_of(THEMES, request.cookies.get("theme", "")) or THEMES[0]
