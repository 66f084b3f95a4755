"""What differs between two texts, line by line.

The longest common subsequence is found in a table of bounded size. difflib takes seconds where many lines are alike.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINES_MAX = 400  # of each text that are compared
CHARACTERS_MAX = 500  # of each line that are compared
CONTEXT_LINES = 3  # equal ones that are shown around a difference
INDENTS_MAX = 40
_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{},:]|[^\s\[\]{},:"]+')


class Line(NamedTuple):
    """A line of a diff. ``kind`` is ``same``, ``first`` or ``second`` (the text that alone has it), or ``skipped``."""

    kind: str
    text: str


def lines_of(text: str) -> list[str]:
    """Return the lines of a text. JSON gets a line for each member, with numbers and names to the letter."""
    try:
        is_json = isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        is_json = False
    return list(_json_lines(text)) if is_json else text.splitlines()


def is_cut(lines: Sequence[str]) -> bool:
    """Return True if not all of these lines are compared."""
    return len(lines) > LINES_MAX or any(len(line) > CHARACTERS_MAX for line in lines[:LINES_MAX])


def diff(first: Sequence[str], second: Sequence[str]) -> list[Line]:
    """Return what differs between the lines, each difference with some equal lines around it."""
    return list(_with_context(list(_diff(_cut(first), _cut(second)))))


def _cut(lines: Sequence[str]) -> list[str]:
    return [line[:CHARACTERS_MAX] for line in lines[:LINES_MAX]]


def _diff(a: list[str], b: list[str]) -> Iterator[Line]:
    common = _common_lengths(a, b)
    i = j = 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b) and a[i] == b[j]:
            yield Line("same", a[i])
            i, j = i + 1, j + 1
        elif j == len(b) or (i < len(a) and common[i + 1][j] >= common[i][j + 1]):
            yield Line("first", a[i])
            i += 1
        else:
            yield Line("second", b[j])
            j += 1


def _common_lengths(a: list[str], b: list[str]) -> list[list[int]]:
    """Return for each place in ``a`` and ``b`` how many lines their rests have in common, in the same order."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        row, below, line = table[i], table[i + 1], a[i]
        for j in reversed(range(len(b))):
            row[j] = below[j + 1] + 1 if line == b[j] else max(below[j], row[j + 1])
    return table


def _with_context(lines: list[Line]) -> Iterator[Line]:
    changed = [number for number, line in enumerate(lines) if line.kind != "same"]
    shown = {near for number in changed for near in range(number - CONTEXT_LINES, number + CONTEXT_LINES + 1)}
    skipped = 0
    for number, line in enumerate(lines):
        if number not in shown:
            skipped += 1
            continue
        if skipped:
            yield _skip(skipped)
            skipped = 0
        yield line
    if skipped:
        yield _skip(skipped)


def _skip(count: int) -> Line:
    return Line("skipped", f"{count} equal line{'s' * (count > 1)}")


def _json_lines(text: str) -> Iterator[str]:
    line, before, depth = "", "", 0
    for piece in _PIECE.findall(text):
        closes = piece in ("}", "]")
        depth -= closes
        if (before in ("{", "[") and not closes) or before == "," or (closes and before not in ("{", "[")):
            yield line
            line = "  " * min(depth, INDENTS_MAX)
        line += ": " if piece == ":" else piece
        depth += piece in ("{", "[")
        before = piece
    yield line
