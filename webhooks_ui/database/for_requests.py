"""Tells what is done for a request, whose sender must not wait for a database that hangs."""

from contextvars import ContextVar

from flask import has_request_context

_is_for_requests = ContextVar("is_for_requests", default=False)


def be_for_requests() -> None:
    """Let what the present thread does from now on count as done for requests, though Flask sees none."""
    _is_for_requests.set(True)


def is_for_requests() -> bool:
    """Return True for what Flask does for a request, and after ``be_for_requests``."""
    return _is_for_requests.get() or has_request_context()
