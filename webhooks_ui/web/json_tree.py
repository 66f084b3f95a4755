"""JSON as HTML that folds: each object and array is a ``details`` element, open if it is short.

It shows what came: numbers to the letter, and each of two members with the same name.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from webhooks_ui.events.strict_json import BYTE_ORDER_MARK, Number

OPEN_LEVELS = 2
OPEN_CHILDREN = 12  # at most, below the first level
CHILDREN_MAX = 100  # shown of one object or array
NODES_MAX = 2_000  # in all, so that a payload of 256 KiB doesn't freeze a phone


def fold(body: bytes | None) -> Markup:
    """Return ``body`` as nested lists, escaped, or an empty text if it is no JSON object or array."""
    try:
        value = _decoder.decode((body or b"").removeprefix(BYTE_ORDER_MARK).decode("utf-8"))
        if isinstance(value, list) and value:
            return Markup('<div class="json">{}</div>').format(_Tree().node(value, 1))
    except (ValueError, RecursionError):
        pass
    return Markup()


class _Members(list[tuple[str, Any]]):
    """The members of an object as they came, also two with the same name."""


class _Constant(NamedTuple):
    """NaN or Infinity, which is no JSON but is sent all the same."""

    name: str


_decoder = json.JSONDecoder(object_pairs_hook=_Members, parse_int=Number, parse_float=Number, parse_constant=_Constant)


class _Tree:
    def __init__(self) -> None:
        self._left = NODES_MAX

    def node(self, value: Any, level: int, name: str | None = None) -> Markup:
        """Return a value with its name, as a line or as a ``details`` element."""
        self._left -= 1
        label = Markup('<span class="json-name">{}</span>: ').format(_text(name)) if name is not None else Markup()
        if not isinstance(value, list) or not value:
            return Markup('{}<span class="json-{}">{}</span>').format(label, _kind(value), _text(value))
        is_open = level == 1 or (level <= OPEN_LEVELS and len(value) <= OPEN_CHILDREN)
        begin, end, noun = ("{", "}", "field") if isinstance(value, _Members) else ("[", "]", "item")
        count = f"{len(value):,} {noun}{'' if len(value) == 1 else 's'}"
        summary = Markup('<summary>{}{} <span class="json-count">{}</span> {}</summary>').format(
            label, begin, count, end
        )
        children = Markup().join(self._children(value, level))
        return Markup("<details{}>{}<ul>{}</ul></details>").format(" open" * is_open, summary, children)

    def _children(self, value: Any, level: int) -> Iterator[Markup]:
        named: Iterable[tuple[str | None, Any]] = value if isinstance(value, _Members) else zip(repeat(None), value)
        for number, (name, child) in enumerate(named):
            if number == CHILDREN_MAX or self._left <= 0:
                rest = f"{len(value) - number:,}"
                yield Markup('<li class="json-count">… and {} more: see the raw text</li>').format(rest)
                return
            yield Markup("<li>{}</li>").format(self.node(child, level + 1, name))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, Number) else "word"


def _text(value: Any) -> Markup:
    """Return ``value`` as JSON. Half a surrogate pair, which no page can contain, becomes an escape."""
    if isinstance(value, Number):
        return escape(value.literal)
    if isinstance(value, _Members):
        return escape("{}")  # others are shown member by member
    text = value.name if isinstance(value, _Constant) else json.dumps(value, ensure_ascii=False)
    return escape(text.encode("utf-8", "backslashreplace").decode())
