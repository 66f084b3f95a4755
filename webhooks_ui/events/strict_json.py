"""Parses JSON so strictly that every receiver can read the result when it is sent on to the letter.

Numbers keep their literals, because ``123456789012345.123456`` says more than a float can hold.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from webhooks_ui.utf8 import is_utf8

NESTING_MAX_LEVELS = 100
INTEGER_MAX_DIGITS = 1_000
ITEMS_MAX = 1_000  # of an array of events. In 8 MiB there could be millions, which take many seconds
MEMBERS_MAX = 25_000  # of an object, or of all objects in an array: far more than any that is right has
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

render = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_skip_space = re.compile(r"[ \t\n\r]*").match
_maybe_half_a_character = re.compile(r"\\u[dD]").search
# A number that may be over 1.8e308 (199 digits with an exponent of two are not). It stands behind a mark. Elsewhere,
# what looks like an exponent is mostly part of a UUID.
_maybe_too_large = re.compile(r"[:,\[]\s*-?(?:[0-9.]{200}|[0-9.]+[eE]\+?[0-9]{3})").search


class BrokenJson(ValueError):
    """The bytes aren't JSON, or two parsers could read them differently. The message is a sentence."""


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Number:
    """A number as it was written."""

    literal: str

    @property
    def is_too_large(self) -> bool:
        """Whether readers can't hold it: it is over 1.8e308, or an integer of more than 1,000 digits."""
        digits = self.literal.removeprefix("-")
        return len(digits) > INTEGER_MAX_DIGITS if digits.isdigit() else float(digits) == float("inf")


class Raw(NamedTuple):
    """A value, and the text that it was read from."""

    value: Any
    text: str


def loads(body: bytes) -> Any:
    """Return the value in ``body``: UTF-8, with no name twice in an object, no NaN and no Infinity.

    A byte order mark before the value is ignored (RFC 8259, 8.1). A number too large for a float, or with over 1,000
    digits, becomes infinity, which ``unsendable_value`` finds.

    Raises:
        BrokenJson: The body isn't UTF-8 or JSON, repeats a name in an object, or holds NaN or Infinity. The message
            says what is wrong and where.
    """
    with _errors_as_sentences():
        return _plain_decoder.decode(_decode(body))


def loads_with_integers(body: bytes) -> Any:
    """Return what ``loads`` does, but each whole number as an int, however it is written.

    ``69.0`` and ``6.9e1`` are integers, and some libraries write them so (JSON Schema Validation 2020-12, section
    6.1.1).

    Raises:
        BrokenJson: as ``loads``.
    """
    with _errors_as_sentences():
        return _integer_decoder.decode(_decode(body))


def load_raw(body: bytes) -> Raw:
    """Return the value in ``body`` with its text. Numbers are ``Number``.

    Raises:
        BrokenJson: as ``loads``.
    """
    text = _decode(body).strip(" \t\n\r")
    with _errors_as_sentences():
        return Raw(_decoder.decode(text), text)


def load_members(body: bytes) -> Any:
    """Return what ``load_raw`` does, but of an object, and of each object in an array, the members as ``Raw``.

    Of an array with more than ``ITEMS_MAX`` items, one more than these is returned. The same holds for ``MEMBERS_MAX``
    members. What follows isn't read.

    Raises:
        BrokenJson: as ``loads``.
    """
    text = _decode(body)
    with _errors_as_sentences():
        place = _skip_space(text).end()  # type: ignore[union-attr]
        if text[place : place + 1] not in ("[", "{"):
            return _decoder.decode(text)
        value, end = _members_at(text, place, MEMBERS_MAX) if text[place] == "{" else _array_at(text, place)
        end = _skip_space(text, end).end()  # type: ignore[union-attr]
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        return value


def raw(value: Any) -> Raw:
    """Return a value of ours as if it had been read. Numbers in it may be ``Number``.

    Raises:
        ValueError: it holds an infinite number.
    """
    return Raw(value, render_literally(value))


def render_literally(value: Any) -> str:
    """Return the JSON of a value that was read. Each ``Number`` is written as it came."""
    if isinstance(value, dict):
        members = (f"{render(name)}:{render_literally(child)}" for name, child in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(render_literally, value)) + "]"
    return value.literal if isinstance(value, Number) else render(value)


def render_indented(value: Any, indent: str = "") -> str:
    """Return what ``render_literally`` does, with a line for each member and item."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        lines = (f"{inner}{render(name)}: {render_indented(child, inner)}" for name, child in value.items())
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        lines = (f"{inner}{render_indented(item, inner)}" for item in value)
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return render_literally(value)


def unsendable(raw: Raw) -> tuple[str, str] | None:
    """Return the path of the first thing in a value that no receiver could read, and a sentence about it."""
    nestings = raw.text.count("{") + raw.text.count("[")
    if nestings <= NESTING_MAX_LEVELS and not _maybe_half_a_character(raw.text) and not _maybe_too_large(raw.text):
        return None  # data that is as it should be is only searched, not walked through
    return unsendable_value(raw.value)


def unsendable_value(value: Any) -> tuple[str, str] | None:
    """Do what ``unsendable`` does, for a value whose text isn't at hand."""
    left: list[tuple[str, int, Any]] = [("", 1, value)]
    while left:
        path, level, item = left.pop()
        if isinstance(item, dict | list):
            if level > NESTING_MAX_LEVELS:
                return shortened(path), f"This is nested too deeply. Use at most {NESTING_MAX_LEVELS} levels."
            children = item.items() if isinstance(item, dict) else enumerate(item)
            for name, child in children:
                child_path = f"{shortened(path)}.{name}"
                if isinstance(name, str) and not is_utf8(name):
                    return shortened(child_path), "The name holds half of a surrogate pair, which is not a character."
                left.append((child_path, level + 1, child))
        elif isinstance(item, str) and not is_utf8(item):
            return shortened(path), "The text holds half of a surrogate pair, which is not a character."
        elif (isinstance(item, Number) and item.is_too_large) or (isinstance(item, float) and math.isinf(item)):
            fix = f"Use up to 1.8e308, or up to {INTEGER_MAX_DIGITS:,} digits."
            return shortened(path), f"The number is too large. {fix}"
    return None


def shortened(text: str, characters: int = 200) -> str:
    """Return ``text``, cut to a length that fits into an error message.

    Half of a surrogate pair is written as ``\\ud800``. In the JSON of an answer, strict parsers would refuse it.
    """
    shown = text if len(text) <= characters else text[:characters] + "…"
    return shown if is_utf8(shown) else shown.encode("utf-8", "backslashreplace").decode("utf-8")


def _decode(body: bytes) -> str:
    try:
        return body.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenJson(f"The body is not UTF-8: the byte at position {error.start} is wrong.") from None


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as error:
        what = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        raise BrokenJson(f"The body is not JSON: {what if error.doc.strip() else 'it is empty'}.") from None
    except RecursionError:
        raise BrokenJson(f"The body is nested too deeply. Use at most {NESTING_MAX_LEVELS} levels.") from None


def _array_at(text: str, place: int) -> tuple[list[Any], int]:
    """Return the array that begins at ``place``, and where it ends.

    If it has too many items, or these too many members, the text ends there.
    """
    items: list[Any] = []
    room = MEMBERS_MAX
    place = _skip_space(text, place + 1).end()  # type: ignore[union-attr]
    if text[place : place + 1] == "]":
        return items, place + 1
    while True:
        if text[place : place + 1] == "{":
            item, place = _members_at(text, place, room)
            room -= len(item)
        else:
            item, place = _value_at(text, place)
        items.append(item)
        if len(items) > ITEMS_MAX or room < 0:
            return items, len(text)
        place = _skip_space(text, place).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "]":
            return items, place + 1
        place = _after(text, place, ",")


def _members_at(text: str, place: int, most: int) -> tuple[dict[str, Raw], int]:
    """Return the members of the object that begins at ``place``, and where it ends.

    If it has more than ``most`` members, the text ends there.
    """
    pairs: list[tuple[str, Raw]] = []
    place = _skip_space(text, place + 1).end()  # type: ignore[union-attr]
    if text[place : place + 1] == "}":
        return {}, place + 1
    while True:
        if text[place : place + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, place)
        name, place = scanstring(text, place + 1)
        place = _after(text, _skip_space(text, place).end(), ":")  # type: ignore[union-attr]
        value, end = _value_at(text, place)
        pairs.append((name, Raw(value, text[place:end])))
        if len(pairs) > most:
            return _object(pairs), len(text)
        place = _skip_space(text, end).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "}":
            return _object(pairs), place + 1
        place = _after(text, place, ",")


def _value_at(text: str, place: int) -> tuple[Any, int]:
    value, end = _decoder.raw_decode(text, place)
    return value, end


def _after(text: str, place: int, mark: str) -> int:
    """Return where the next value begins, after ``mark`` and white space."""
    if text[place : place + 1] != mark:
        raise json.JSONDecodeError(f"Expecting '{mark}' delimiter", text, place)
    return _skip_space(text, place + 1).end()  # type: ignore[union-attr]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BrokenJson(f"The name {shortened(name)!r} appears twice in one object. Remove one of them.")
            seen.add(name)
    return found


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= INTEGER_MAX_DIGITS else math.inf


def _number(literal: str) -> float:
    value = float(literal)
    return int(value) if value.is_integer() else value


def _constant(name: str) -> None:
    raise BrokenJson(f"{name} is not JSON. Leave the field out or write null.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant)
_plain_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
_integer_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
