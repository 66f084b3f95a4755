"""Conditions on the data of an event. A webhook gets only the events for which they hold. Pure: no code is run.

A condition compares the value at a dotted path, such as ``reason.code``. It is false where a value has no sense for its
operator, such as *greater* for a list.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any

from webhooks_ui.events.strict_json import Number, shortened

CONDITIONS_MAX = 10
PATH_MAX_CHARACTERS = 200
VALUE_MAX_CHARACTERS = 500
VALUES_MAX = 50  # of one_of
REMARK_VALUE_MAX_CHARACTERS = 60
NUMBER_MAX_CHARACTERS = 1_001  # as many digits as strict_json takes, and a sign
TIME_MIN_CHARACTERS, TIME_MAX_CHARACTERS = len("2026-11-23"), 40
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MISSING = object()

Test = Callable[[Mapping[str, Any]], bool]  # of the data of an event


class Operator(StrEnum):
    EQUALS = "equals"
    DIFFERS = "differs"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    GREATER = "greater"
    LESS = "less"
    EXISTS = "exists"
    MISSING = "missing"

    @property
    def label(self) -> str:
        """The operator in words, between a field and a value."""
        return _LABELS[self]

    @property
    def takes_value(self) -> bool:
        return self not in (Operator.EXISTS, Operator.MISSING)


_LABELS = {
    Operator.EQUALS: "equals",
    Operator.DIFFERS: "differs from",
    Operator.ONE_OF: "is one of",
    Operator.CONTAINS: "contains",
    Operator.STARTS_WITH: "starts with",
    Operator.GREATER: "is greater than",
    Operator.LESS: "is less than",
    Operator.EXISTS: "exists",
    Operator.MISSING: "is missing",
}


class Match(StrEnum):
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. ``value`` is as a person typed it. For *one of*, commas separate the values."""

    field: str
    operator: Operator
    value: str = ""

    @property
    def words(self) -> str:
        """The condition as a person reads it: ``reason.code equals limit_reached``."""
        return " ".join(filter(None, [self.field, self.operator.label, self.value]))

    def as_json(self) -> dict[str, str]:
        return {"field": self.field, "operator": str(self.operator), "value": self.value}


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a webhook. ``all`` or ``any`` of them must hold."""

    match: Match
    conditions: tuple[Condition, ...]
    _tests: tuple[Test, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tests", tuple(map(_test, self.conditions)))

    @classmethod
    def parse(cls, stored: Any) -> "Filter | None":
        """Return the filter that ``as_json`` describes, or ``UNREADABLE_FILTER`` if a person wrote something else."""
        if not stored:
            return None
        try:
            return cls(Match(stored["match"]), tuple(map(_parsed, stored["conditions"])))
        except (ValueError, TypeError, KeyError, AttributeError):
            return UNREADABLE_FILTER

    def as_json(self) -> dict[str, Any]:
        return {"match": str(self.match), "conditions": [condition.as_json() for condition in self.conditions]}

    def passes(self, data: Mapping[str, Any]) -> bool:
        """Return True if an event with this data goes to the webhook.

        Args:
            data: as ``strict_json`` reads it with numbers as ``Number``, or as Python's plain values.
        """
        decides = self.match is Match.ANY  # the result of a condition that makes the rest superfluous
        for test in self._tests:  # a loop, because it runs for each event and each webhook
            if test(data) is decides:
                return decides
        return not decides

    def remarks(self, data: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each condition that has no sense for this data, and so never or always holds."""
        return [remark for condition in self.conditions if (remark := _remark(condition, data))]


def _parsed(item: Mapping[str, str]) -> Condition:
    if isinstance(item["field"], str) and isinstance(item["value"], str):
        return Condition(item["field"], Operator(item["operator"]), item["value"])
    raise TypeError("A condition compares texts.")


def value_at(data: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return the value at ``path``, or ``MISSING``. A path doesn't lead into lists."""
    value: Any = data
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def list_on_the_way(data: Mapping[str, Any], field: str) -> str:
    """Return the part of the path that leads to a list although names follow, or "" if none does."""
    names = field.split(".")
    for length in range(1, len(names)):
        if isinstance(value_at(data, names[:length]), list):
            return ".".join(names[:length])
    return ""


def is_there(data: Mapping[str, Any], field: str) -> bool:
    """Return True if the data has the field, even if it is null."""
    return value_at(data, field.split(".")) is not _MISSING


def _test(condition: Condition) -> Test:
    """Return the condition as a function of the data. Whatever can be computed once is computed here."""
    path, check = tuple(condition.field.split(".")), _check(condition)
    if condition.operator is Operator.EXISTS:
        return lambda data: (value := value_at(data, path)) is not _MISSING and value is not None
    if condition.operator is Operator.MISSING:
        return lambda data: (value := value_at(data, path)) is _MISSING or value is None
    if condition.operator is Operator.DIFFERS:
        return lambda data: not check(value_at(data, path))
    if len(path) == 1:  # this and the next are most conditions, and need no loop
        (name,) = path
        return lambda data: check(data.get(name, _MISSING))
    if len(path) == 2:
        outer, inner = path
        return lambda data: check(
            child.get(inner, _MISSING) if isinstance(child := data.get(outer), dict) else _MISSING
        )
    return lambda data: check(value_at(data, path))


def _check(condition: Condition) -> Callable[[Any], bool]:
    """Return the condition as a function of the value at its path."""
    text = condition.value
    match condition.operator:
        case Operator.EQUALS | Operator.DIFFERS:
            return _equals(text)
        case Operator.ONE_OF:
            parts = frozenset(split_values(text))
            checks = [_equals(part) for part in parts]
            return lambda value: value in parts if isinstance(value, str) else any(check(value) for check in checks)
        case Operator.CONTAINS:
            equals = _equals(text)
            return lambda value: (
                text in value if isinstance(value, str) else isinstance(value, list) and any(map(equals, value))
            )
        case Operator.STARTS_WITH:
            return lambda value: isinstance(value, str) and value.startswith(text)
        case Operator.GREATER:
            return _compares(text, lambda value, limit: value > limit)
        case Operator.LESS:
            return _compares(text, lambda value, limit: value < limit)
    return lambda _value: False


def split_values(text: str) -> list[str]:
    """Return the values of *one of*. Commas separate them."""
    return [part for part in (part.strip() for part in text.split(",")) if part]


def is_comparable(text: str) -> bool:
    """Return True if *greater* and *less* can compare with this value."""
    return _number(text) is not None or _time(text) is not None


def _equals(text: str) -> Callable[[Any], bool]:
    number, word = _number(text), _WORDS.get(text)

    def equals(value: Any) -> bool:
        if isinstance(value, str):
            return value == text
        if isinstance(value, bool) or value is None:
            return word is not None and value is word[0]
        return number is not None and _number_in(value) == number

    return equals


_WORDS: dict[str, tuple[bool | None]] = {"true": (True,), "false": (False,), "null": (None,)}


def _compares(text: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any], bool]:
    number, time = _number(text), _time(text)

    def holds(value: Any) -> bool:
        if number is not None and (found := _number_in(value)) is not None:
            return compare(found, number)
        if time is not None and isinstance(value, str) and (at := _time(value)) is not None:
            return compare(at, time)
        return False

    return holds


def _number_in(value: Any) -> Decimal | None:
    if isinstance(value, Number):
        return _number(value.literal)
    return _number(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(text: str) -> Decimal | None:
    """Return the number, if the text is one as JSON writes it."""
    return _read_number(text) if len(text) <= NUMBER_MAX_CHARACTERS and _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=4_096)
def _read_number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent is too large
        return None


def _time(text: str) -> datetime | None:
    """Return an ISO 8601 time or date. Without a time zone it is UTC."""
    is_likely = TIME_MIN_CHARACTERS <= len(text) <= TIME_MAX_CHARACTERS and not text.isdigit()
    return _read_time(text) if is_likely else None  # so that the cache holds no long texts


@lru_cache(maxsize=4_096)
def _read_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.upper())  # RFC 3339, section 5.6, also allows t and z
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _remark(condition: Condition, data: Mapping[str, Any]) -> str:
    value = value_at(data, condition.field.split("."))
    if value is _MISSING:
        way = list_on_the_way(data, condition.field)
        return f"{way} is a list, and a path doesn't lead into lists." if way else ""
    kind = _kind(value)
    operator = condition.operator
    if operator in (Operator.GREATER, Operator.LESS):
        wants_number = _number(condition.value) is not None
        fits = _number_in(value) is not None if wants_number else isinstance(value, str) and _time(value) is not None
        wanted = "a number" if wants_number else "a time"
    elif operator is Operator.STARTS_WITH:
        fits, wanted = isinstance(value, str), "a text"
    elif operator is Operator.CONTAINS:
        fits, wanted = isinstance(value, str | list), "a text or a list"
    elif operator in (Operator.EXISTS, Operator.MISSING):
        return ""
    elif isinstance(value, dict | list):
        fits, wanted = False, "a single value"
    else:
        return "" if _can_equal(condition, value) else f"{condition.field} is {kind} here, so it {_denial(condition)}."
    return "" if fits or value is None else f"{condition.field} is {kind} here, but the condition needs {wanted}."


def _can_equal(condition: Condition, value: Any) -> bool:
    """Return True unless the field has a number, or true or false, and the condition has only values of other kinds."""
    texts = split_values(condition.value) if condition.operator is Operator.ONE_OF else [condition.value]
    if isinstance(value, bool):
        return any(text in _WORDS for text in texts)
    if isinstance(value, str) or value is None:
        return True
    return any(_number(text) is not None or text == "null" for text in texts)


def _denial(condition: Condition) -> str:
    """Return in words that a value can't be what the condition compares it with."""
    verb = "can't be one of" if condition.operator is Operator.ONE_OF else "can't equal"
    return f"{verb} {shortened(condition.value, REMARK_VALUE_MAX_CHARACTERS)}"


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


UNREADABLE_FILTER = Filter(Match.ANY, ())  # of no conditions, none ever holds. So it lets no event pass
