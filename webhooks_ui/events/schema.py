"""Checks data against the JSON Schema of its event type (draft 2020-12). No schema is fetched from elsewhere.

A schema can be written so that a check takes hours. So each check has a deadline, and all checks of a request have a
budget. What ignores both is refused.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Any

import regex

from webhooks_ui.events import strict_json

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_MAX_BYTES = 64 * 1024
VIOLATIONS_MAX = 10
FOUND_MAX = 100  # of which the first VIOLATIONS_MAX by path are told
CHECK_SECONDS = 0.5
REQUEST_SECONDS = 5.0  # for all events of an array
# The library reads these outside of the functions that have the deadline.
UNBOUNDED = ("patternProperties", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef")
NO_END = "The schema refers to itself without end, or the data is nested too deeply for it."
TOO_SLOW = (
    f"Checking the data takes longer than {CHECK_SECONDS} s of processor time, or than {REQUEST_SECONDS:.0f} s for all "
    "events of the request. Simplify the schema."
)
UNUSABLE = "The schema can't be used. Save it anew, and the page says why."

_OF_SCHEMA = re.compile(r"#(/(\$defs|definitions)/[^/]+)?")  # references to what is a schema if the whole is one
_PLACES = re.compile(r"\\.|\[\^?\]?|\]|\$", re.DOTALL)  # where a ``$`` may stand, and what says if it stands for itself
# Each begins and ends with a class, so that a hyphen beside it stands for itself, as in [\w-.]
_ASCII = {r"\d": r"\p{posix_digit}", r"\w": r"\p{posix_digit}A-Za-z_\p{posix_digit}"}

logger = logging.getLogger(__name__)
# In the thread's processor time, so that nothing is refused because the machine is busy
_ends_at: ContextVar[float] = ContextVar("_ends_at")


class Budget:
    """The processor time that the checks of one request may take. After one that took too long, none is made."""

    def __init__(self) -> None:
        self._left = REQUEST_SECONDS

    @property
    def seconds(self) -> float:
        """What the next check may take."""
        return min(CHECK_SECONDS, self._left)

    def spend(self, seconds: float) -> None:
        self._left -= seconds

    def end(self) -> None:
        self._left = 0.0


class _TooSlow(Exception):
    """A check is past its deadline."""


def wrong_schema(text: str) -> str:
    """Return what is wrong with a schema, as a sentence, or an empty text."""
    from jsonschema.exceptions import SchemaError  # here, because only those who have schemas need it

    if len(text.encode("utf-8", "replace")) > SCHEMA_MAX_BYTES:
        return f"The schema is too large. Use up to {SCHEMA_MAX_BYTES:,} bytes."
    try:
        schema = strict_json.loads(text.encode("utf-8", "replace"))
    except strict_json.BrokenJson as error:
        return str(error).replace("The body", "The schema", 1)
    if not isinstance(schema, dict):
        return "The schema is a JSON object."
    if found := strict_json.unsendable_value(schema):
        return f"The schema is wrong at {found[0].removeprefix('.')}: {found[1]}"
    if wrong := next(_unusable(schema), ""):
        return wrong
    try:
        _check_schema(schema)
        return next(_wrong_references(schema), "")
    except SchemaError as error:
        where = _path(error.absolute_path) or "its top"
        return f"The schema is wrong at {where}: {strict_json.shortened(error.message)}."
    except RecursionError:
        return "The schema is nested too deeply. Use fewer levels."


def violations(schema: str, data: Any, budget: Budget | None = None) -> list[tuple[str, str]]:
    """Return the path and a sentence for each place where ``data`` doesn't fit, up to ten.

    Args:
        schema: one in which ``wrong_schema`` finds nothing.
        data: as ``strict_json`` reads it with numbers as ``Number``.
        budget: of the request, if it makes several checks.
    """
    budget = budget or Budget()
    if budget.seconds <= 0:
        return [("", TOO_SLOW)]
    validator = _validator(schema)  # loading the library is no part of the check
    began = time.thread_time()
    _ends_at.set(began + budget.seconds)
    try:
        found = list(islice(validator.iter_errors(_plain(data)), FOUND_MAX))
    except (_TooSlow, TimeoutError):
        budget.end()
        return [("", TOO_SLOW)]
    except RecursionError:
        return [("", NO_END)]
    except Exception:  # of a schema that was saved before ``wrong_schema`` refused it
        logger.exception("The data can't be checked against its schema")
        return [("", UNUSABLE)]
    finally:
        budget.spend(time.thread_time() - began)
    found.sort(key=lambda error: list(map(str, error.path)))
    return [
        (_path(error.absolute_path), f"{strict_json.shortened(error.message)}.") for error in found[:VIOLATIONS_MAX]
    ]


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    from jsonschema.validators import Draft202012Validator, extend
    from referencing import Registry

    checks = dict(Draft202012Validator.VALIDATORS) | {
        "pattern": _pattern,
        "uniqueItems": _unique_items,
        "multipleOf": _multiple_of,
    }
    kind = extend(Draft202012Validator, {name: _timed(check) for name, check in checks.items()})
    return kind(_without_dialect(json.loads(schema)), registry=Registry())


def _timed(check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """Return the check of a keyword, which raises if the deadline is over."""

    def checked(*arguments: Any) -> Iterator[Any]:
        if time.thread_time() > _ends_at.get():
            raise _TooSlow
        yield from check(*arguments) or ()

    return checked


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    """Check ``pattern`` with a library that can stop."""
    from jsonschema.exceptions import ValidationError

    left = max(0.001, _ends_at.get() - time.thread_time())
    if isinstance(instance, str) and not regex.search(_as_written(pattern), instance, timeout=left):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@lru_cache(maxsize=1_024)
def _as_written(pattern: str) -> str:
    """Return the pattern for ``regex``, with what ECMA-262 means by ``$``, ``\\d`` and ``\\w``.

    The ``$`` of ``regex`` also holds before a line end at the end, so that ``^[0-9]+$`` would take a number with one.
    Its ``\\d`` and ``\\w`` are digits and letters of any script. Within brackets, ``\\D`` and ``\\W`` stay as they are.
    """
    is_in_class = False

    def put(found: re.Match[str]) -> str:
        nonlocal is_in_class
        part = found[0]
        if part == "$" and not is_in_class:
            return r"\Z"
        if part in _ASCII:
            return _ASCII[part] if is_in_class else f"[{_ASCII[part]}]"
        if part.lower() in _ASCII and not is_in_class:
            return f"[^{_ASCII[part.lower()]}]"
        if part.startswith("[") or part == "]":  # "[]" begins a class with a bracket in it, or ends one after a bracket
            is_in_class = part != "]" and not (is_in_class and part.endswith("]"))
        return part

    return _PLACES.sub(put, pattern)


def _unique_items(_validator: Any, unique: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    """Check ``uniqueItems`` in a time that is linear in the number of items."""
    from jsonschema.exceptions import ValidationError

    if unique and isinstance(instance, list) and len({_canonical(item) for item in instance}) < len(instance):
        yield ValidationError(f"{strict_json.shortened(repr(instance))} has non-unique elements")


def _multiple_of(validator: Any, divisor: float, instance: Any, _schema: Any) -> Iterator[Any]:
    """Check ``multipleOf`` with the decimal numbers that were written: 19.99 is a multiple of 0.01.

    The library divides floats, in which 19.99 / 0.01 is less than 1999, and which can't hold large integers.
    """
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "number") and Fraction(repr(instance)) % Fraction(repr(divisor)):
        yield ValidationError(f"{instance!r} is not a multiple of {divisor!r}")


def _canonical(value: Any) -> str:
    """Return a text that is the same for equal values only. 1 and 1.0 are equal (JSON Schema Core, 4.2.2)."""
    return json.dumps(_integers(value), sort_keys=True)


def _integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _integers(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_schema(schema: Any) -> None:
    """Check the schema itself, but for its patterns. The library would read them with Python's own ``re``.

    Raises:
        jsonschema.exceptions.SchemaError: It is wrong.
    """
    from jsonschema import FormatChecker
    from jsonschema.validators import Draft202012Validator

    Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))


def _unusable(schema: Any) -> Iterator[str]:
    """Yield a sentence for each part of a schema that is no use here."""
    if isinstance(schema, list):
        for item in schema:
            yield from _unusable(item)
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name == "$ref" and isinstance(value, str) and not value.startswith("#"):
            yield f"The schema refers to {value[:100]!r}. Only references within it, like #/$defs/name, work."
        elif name == "$schema" and isinstance(value, str) and value.rstrip("#") != DIALECT:
            yield f"The schema is written for {value[:100]!r}. Write it for draft 2020-12."
        elif name == "$id" and isinstance(value, str):
            yield "Remove $id from the schema. References work within it only."
        elif name in UNBOUNDED:
            yield f"{name} can't be used here, because checking it may take too long. Use properties or items."
        elif name == "pattern" and isinstance(value, str):
            yield from _wrong_pattern(value)
        yield from _unusable(value)


def _wrong_pattern(pattern: str) -> Iterator[str]:
    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        yield f"The pattern {strict_json.shortened(pattern, 60)!r} can't be read: {error}."


def _wrong_references(schema: Any) -> Iterator[str]:
    """Yield a sentence for each reference to what isn't in the schema, or is there, but is no schema itself."""
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver("")
    for reference in dict.fromkeys(_references(schema)):
        try:
            found = resolver.lookup(reference).contents
            if not _OF_SCHEMA.fullmatch(reference):
                _check_schema(found)
        except Unresolvable:
            yield f"The schema refers to {strict_json.shortened(reference)!r}, which isn't in it."
        except SchemaError:
            yield f"The schema refers to {strict_json.shortened(reference)!r}, which is no schema."


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def _without_dialect(schema: Any) -> Any:
    """Return the schema without ``$schema``, by which the library would choose checks without a deadline."""
    if isinstance(schema, dict):
        kept = {name: value for name, value in schema.items() if name != "$schema" or not isinstance(value, str)}
        return {name: _without_dialect(value) for name, value in kept.items()}
    return [_without_dialect(item) for item in schema] if isinstance(schema, list) else schema


def _plain(value: Any) -> Any:
    if isinstance(value, strict_json.Number):
        return json.loads(value.literal)
    if isinstance(value, dict):
        return {name: _plain(child) for name, child in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _path(parts: Any) -> str:
    """Return a path as people read it. PostgreSQL can't store the character NUL in a text."""
    return strict_json.shortened(".".join(map(str, parts)).replace("\0", "\N{SYMBOL FOR NULL}"))
