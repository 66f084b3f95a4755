"""A request that was signed: what its signature covers, and how it can have changed on its way."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")


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
        yield (
            "The JSON was parsed and written again.",
            dump(value).encode("utf-8", "replace"),
        )  # a half of a character has no bytes


def difference(given: bytes, sent: bytes) -> str:
    """Return where a body differs from the one that was sent, in sentences."""
    place = next((place for place, (one, other) in enumerate(zip(given, sent, strict=False)) if one != other), None)
    place = min(len(given), len(sent)) if place is None else place
    return (
        f"The body differs from the {len(sent):,} bytes that were sent, first at byte {place + 1:,}. "
        f"Sent: {_near(sent, place)}. Here: {_near(given, place)}."
    )


def _near(body: bytes, place: int) -> str:
    return repr(body[max(0, place - 10) : place + 20].decode("utf-8", "replace"))
