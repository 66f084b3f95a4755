"""The current environment: chosen in the top bar, kept in the session; what lists show unless asked otherwise."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import request, session

from webhooks_ui.models import Environment

PAGE_FIELDS = ("environment", "page", "cursor")  # that make no sense any more in another environment


def current_environment() -> str:
    """One of ``Environment``, or empty for all of them."""
    chosen = session.get("environment", "")
    return chosen if chosen in tuple(Environment) else ""


def choose_environment(name: str) -> None:
    """Remember ``name``; whatever is no environment means all of them."""
    session["environment"] = name if name in tuple(Environment) else ""


def follow_filter(environment: str) -> bool:
    """Make the environment that somebody just chose in a list's filter the current one; whether that changed it."""
    filtered = request.headers.get("HX-Trigger", "").endswith("-filters") and "environment" in request.args
    if not filtered or environment == current_environment():
        return False
    choose_environment(environment)
    return True


def without_environment(address: str) -> str:
    """A path of ours without its own environment and place in a list, so that the current one holds."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in PAGE_FIELDS]
    return f"{parts.path}?{urlencode(query)}" if query else parts.path
