"""A request that was signed: what its signature covers, and how it can have changed on its way."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from webhooks_ui.json_object import parse_object

NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")

HEADER_SHOWN_CHARACTERS = 300  # of a header that differs. Four signatures have room


class Sent(NamedTuple):
    """What an attempt sent."""

    headers: Mapping[str, str]  # with names in small letters
    body: bytes


class Given(NamedTuple):
    """What a receiver got, and what it computed."""

    headers: Mapping[str, str]  # with names in small letters
    body: bytes
    computed: str = ""  # the signature that the receiver computed


def changes_of(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the body without common changes, each after a sentence that names the change."""
    text = body.decode("utf-8", "replace")
    unix = text.replace("\r\n", "\n")
    yield "White space was added at an end of the body.", unix.strip().encode()
    yield "The line ends were changed.", unix.encode()
    yield "A line end at the end of the body was removed.", unix.encode() + b"\n"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    dumps: Sequence[Callable[[object], str]] = (
        lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
        lambda value: json.dumps(value, separators=(",", ":")),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
    )
    for dump in dumps:
        written = dump(value).encode("utf-8", "replace")  # half a character has no bytes
        yield "The JSON was parsed and written again.", written


def ids_in(given: Given) -> list[str]:
    """Return the ids that the event may have: the one in the header, and the one in the body."""
    ids = given.headers.get(NAMES[0]), parse_object(given.body).get("id")
    return [id for id in dict.fromkeys(ids) if isinstance(id, str)]


def differences(given: Given, sent: Sequence[Sent]) -> str:
    """Return what differs from the attempt that is most alike, in sentences. The text is empty if nothing does."""
    most_alike = min(sent, key=lambda attempt: len(_differing(given, attempt)))
    told = [
        f"{name} differs from what was sent. Sent: {_shown(most_alike.headers.get(name, ''))}. "
        f"Here: {_shown(given.headers.get(name, ''))}."
        for name in _differing(given, most_alike)
        if name in NAMES
    ]
    if given.body != most_alike.body:
        told.append(_difference(given.body, most_alike.body))
    return " ".join(told)


def _differing(given: Given, sent: Sent) -> list[str]:
    """Return the names of the headers that differ, and ``body`` if it does."""
    names = [name for name in NAMES if given.headers.get(name, "").split() != sent.headers.get(name, "").split()]
    return names if given.body == sent.body else [*names, "body"]


def _shown(value: str) -> str:
    return value if len(value) <= HEADER_SHOWN_CHARACTERS else f"{value[:HEADER_SHOWN_CHARACTERS]}…"


def _difference(given: bytes, sent: bytes) -> str:
    if not given:
        return f"The body is empty, but {len(sent):,} bytes were sent."
    place = next((place for place, (one, other) in enumerate(zip(given, sent, strict=False)) if one != other), None)
    place = min(len(given), len(sent)) if place is None else place
    return (
        f"The body differs from the {len(sent):,} bytes that were sent, first at byte {place + 1:,}. "
        f"Sent: {_near(sent, place)}. Here: {_near(given, place)}."
    )


def _near(body: bytes, place: int) -> str:
    return repr(body[max(0, place - 10) : place + 20].decode("utf-8", "replace"))
