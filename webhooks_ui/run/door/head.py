"""Checks the head of a request for what gunicorn's parser lets through."""

from typing import Any

from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding

HIGHEST_VERSION = (1, 1)


def check_head(req: Any) -> None:
    """Check a parsed request. Treat a version such as HTTP/1.9 as HTTP/1.1, which also the answer says.

    Sources: RFC 9110, section 2.5 (versions); RFC 9112, sections 3.2 (Host) and 6.1 (transfer codings).

    Raises:
        gunicorn.http.errors.InvalidHeader: HTTP/1.1 needs a Host, because a proxy and the portal could take two names.
        gunicorn.http.errors.UnsupportedTransferCoding: The body has another transfer coding than chunked, or one more.
    """
    req.version = min(req.version, HIGHEST_VERSION)
    has_host = False
    for name, value in req.headers:
        has_host = has_host or name == "HOST"
        if name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise UnsupportedTransferCoding(value)
    if not has_host and req.version >= HIGHEST_VERSION:
        raise InvalidHeader("HOST", req=req)
