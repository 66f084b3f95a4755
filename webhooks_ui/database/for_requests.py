"""Tells what is done for a request, whose sender must not wait for a database that hangs."""

from flask import g, has_app_context, has_request_context


def be_for_requests() -> None:
    """Let what is done in the present context of the app count as done for requests, though Flask sees none."""
    g.is_for_requests = True


def is_for_requests() -> bool:
    """Return True for what Flask does for a request, and after ``be_for_requests``."""
    return has_request_context() or (has_app_context() and "is_for_requests" in g)
