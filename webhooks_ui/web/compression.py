"""Compression of answers with gzip, for browsers that accept it."""

import gzip

from flask import Flask, Response, request

TYPES = frozenset(
    {"text/html", "text/css", "text/javascript", "image/svg+xml", "application/json", "application/problem+json"}
)
LEAST_BYTES = 500  # less would hardly get smaller
LEVEL = 6


def register(app: Flask) -> None:
    app.after_request(compress)


def compress(response: Response) -> Response:
    """Compress a text. Answers that are streamed, small or no text stay as they are."""
    if response.mimetype not in TYPES or response.is_streamed or response.direct_passthrough:
        return response
    response.vary.add("Accept-Encoding")
    if "Content-Encoding" in response.headers or response.status_code == 206:
        return response
    body = response.get_data()
    if len(body) >= LEAST_BYTES and request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(body, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
