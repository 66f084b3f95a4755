"""What the stand-ins share: checks of fields, and the form of an answer."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]
Kinds = type | tuple[type, ...]


class Answer(NamedTuple):
    """The answer to a request. A service posts the message if ``broken`` is empty."""

    code: int
    body: bytes = b""
    content_type: str = "application/json"
    broken: str = ""  # which rule the message breaks


class Broken(ValueError):
    """A message breaks a rule. The message names the place and the rule."""


def read(body: bytes) -> Object:
    """Return the JSON object in the body of a request.

    Raises:
        Broken: there is none.
    """
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Broken(f"The body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Broken("The body is no object")
    return value


def check_fields(
    place: str, value: Any, required: Mapping[str, Kinds], optional: Mapping[str, Kinds] | None = None
) -> Object:
    """Return ``value`` if it is an object with the required fields, and no others than the optional ones.

    Raises:
        Broken: it isn't.
    """
    if not isinstance(value, dict):
        raise Broken(f"{place} is no object")
    known = {**required, **(optional or {})}
    for name in required:
        if name not in value:
            raise Broken(f"{place}.{name} is missing")
    for name, item in value.items():
        if name not in known:
            raise Broken(f"{place}.{name} is unknown")
        if not _is(item, known[name]):
            raise Broken(f"{place}.{name} has the wrong type")
    return value


def check_text(place: str, text: Any, most: int, least: int = 1) -> int:
    """Return the length of a text in UTF-16.

    Raises:
        Broken: it is no text, or too short or too long.
    """
    if not isinstance(text, str):
        raise Broken(f"{place} is no text")
    length = len(text.encode("utf-16-le")) // 2
    if not least <= length <= most:
        raise Broken(f"{place} has {length} characters, and may have {least} to {most}")
    return length


def check_count(place: str, items: list[Any], most: int, least: int = 1) -> None:
    if not least <= len(items) <= most:
        raise Broken(f"{place} has {len(items)} items, and may have {least} to {most}")


def check_url(place: str, url: Any, most: int) -> None:
    check_text(place, url, most)
    if not str(url).startswith(("https://", "http://")) or any(character.isspace() for character in str(url)):
        raise Broken(f"{place} is no web address")


def _is(item: Any, kinds: Kinds) -> bool:
    if isinstance(item, bool):
        return kinds is bool or (isinstance(kinds, tuple) and bool in kinds)
    return isinstance(item, kinds)
