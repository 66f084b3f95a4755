"""Errors of the API, as problem+json (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response

CONTENT_TYPE = "application/problem+json"
ERRORS_MAX = 1_000
DETAILS = {
    404: "There is nothing at this address, or it belongs to another environment.",
    405: "This address doesn't accept this method.",
    413: "The request is too large. The limit is 8 MiB.",
    429: "The key has used up its requests. Try again after the seconds in Retry-After.",
    500: "Something went wrong on our side. It was logged.",
    503: "The database isn't responding. Try again after the seconds in Retry-After.",
}


class Problem(Exception):
    """A request that gets an error.

    Args:
        detail: a sentence for people.
        errors: one ``{"index": …, "field": …, "message": …}`` per wrong field.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def field_error(field: str, message: str, index: int | None = None) -> dict[str, Any]:
    """Return an entry of ``errors``. ``index`` is the position in the array, or None if the body is no array."""
    return {"index": index, "field": field, "message": message}


def respond(problem: Problem) -> Response:
    """Return the answer for ``problem``, with its first errors if there are very many."""
    status = HTTPStatus(problem.status)
    detail = problem.detail or DETAILS.get(problem.status, status.description)
    if len(problem.errors) > ERRORS_MAX:
        detail += f" These are the first {ERRORS_MAX:,} of {len(problem.errors):,}."
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "errors": list(problem.errors[:ERRORS_MAX]),
    }
    return Response(json.dumps(body), status, problem.headers, content_type=CONTENT_TYPE)
