"""Masks what gives access: cookies, and the paths of webhook URLs. Whoever has a chat service's URL can post to it.

Everything that shows, logs or stores such a value for people who may not have it masks it here.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

MASK = "…"
COOKIES = frozenset({"set-cookie", "set-cookie2"})
_URL = re.compile(r"\bhttps?://[^\s\"'<>]+", re.IGNORECASE)
_COOKIE = re.compile(r"\A([^=;]*)=[^;]*")


def mask_url(url: str) -> str:
    """Return the URL with its host and the first segment of its path. ``…`` stands for what follows.

    A URL that is masked already stays as it is.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if not parts.scheme or not parts.netloc:
        return MASK
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    first, slash, rest = parts.path.removeprefix("/").partition("/")
    if not (rest or parts.query or parts.fragment):
        return f"{origin}/{first}{slash}" if parts.path else origin
    return f"{origin}/{first}/{MASK}" if first else f"{origin}/{MASK}"


def mask_urls(text: str) -> str:
    """Return ``text`` with each URL in it masked."""
    return _URL.sub(lambda found: mask_url(found[0]), text)


def mask_cookies(headers: Iterable[Sequence[Any]]) -> list[tuple[Any, Any]]:
    """Return the headers of an answer, as pairs, without the values of the cookies that it sets."""
    return [(name, _mask_cookie(value) if str(name).lower() in COOKIES else value) for name, value in headers]


def _mask_cookie(value: Any) -> str:
    """Return ``session=…; HttpOnly`` for ``session=abc; HttpOnly``."""
    masked, found = _COOKIE.subn(rf"\1={MASK}", str(value))
    return masked if found else MASK
