"""Parses JSON so strictly that every receiver can read the result when it is sent on."""

import json
import math
from typing import Any

NESTING_MAX_LEVELS = 100
INTEGER_MAX_DIGITS = 1_000


class BrokenJson(ValueError):
    """The bytes aren't JSON, or two parsers could read them differently. The message is a sentence."""


def loads(body: bytes) -> Any:
    """Return the value of the JSON in ``body``.

    A number that is too large for a float, or has over 1,000 digits, becomes infinity. ``unsendable`` finds it.

    Raises:
        BrokenJson: The body isn't UTF-8 or JSON, repeats a name in an object, or holds NaN or Infinity. The message
            says what is wrong and where.
    """
    try:
        return _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BrokenJson(f"The body is not UTF-8: the byte at position {error.start} is wrong.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BrokenJson(f"The body is not JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise BrokenJson(f"The body is nested too deeply. Use at most {NESTING_MAX_LEVELS} levels.") from None


def unsendable(value: Any) -> tuple[str, str] | None:
    """Return the path of a part of ``value`` that a receiver couldn't read, and a sentence that says why.

    Return ``None`` if every receiver can read the value.
    """
    left: list[tuple[str, int, Any]] = [("", 1, value)]
    while left:
        path, level, item = left.pop()
        if isinstance(item, dict | list):
            if level > NESTING_MAX_LEVELS:
                return shortened(path), f"This is nested too deeply. Use at most {NESTING_MAX_LEVELS} levels."
            children = item.items() if isinstance(item, dict) else enumerate(item)
            for name, child in children:
                child_path = f"{shortened(path)}.{name}"
                if isinstance(name, str) and not _is_text(name):
                    return shortened(child_path), "The name holds half of a surrogate pair, which is not a character."
                left.append((child_path, level + 1, child))
        elif isinstance(item, str) and not _is_text(item):
            return shortened(path), "The text holds half of a surrogate pair, which is not a character."
        elif isinstance(item, float) and not math.isfinite(item):
            return shortened(
                path
            ), f"The number is too large. Use up to 1.8e308, or up to {INTEGER_MAX_DIGITS:,} digits."
    return None


def shortened(text: str, characters: int = 200) -> str:
    """Return ``text``, cut to a length that fits into an error message."""
    return text if len(text) <= characters else text[:characters] + "…"


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BrokenJson(f"The name {shortened(twice)!r} appears twice in one object. Remove one of them.")
    return found


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= INTEGER_MAX_DIGITS else math.inf


def _constant(name: str) -> None:
    raise BrokenJson(f"{name} is not JSON. Leave the field out or write null.")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
