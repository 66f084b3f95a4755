"""The diff of two texts, line by line."""

import difflib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks_ui.deliveries.line_diff import LINES_MAX, Line, diff, is_cut, lines_of

LINES = st.lists(st.sampled_from("abc"), max_size=12)


@given(LINES, LINES)
def test_a_diff_has_all_of_both_texts_and_as_few_differences_as_possible(first: list[str], second: list[str]) -> None:
    found = diff(first, second)
    if any(line.kind == "skipped" for line in found):
        return
    assert [line.text for line in found if line.kind != "second"] == (first if found else [])
    assert [line.text for line in found if line.kind != "first"] == (second if found else [])
    same = sum(line.kind == "same" for line in found)
    blocks = difflib.SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    assert same >= sum(block.size for block in blocks)


def test_only_the_lines_around_a_difference_are_shown() -> None:
    first = [str(number) for number in range(20)]
    second = [*first[:10], "new", *first[10:]]
    found = diff(first, second)
    assert found[0] == Line("skipped", "7 equal lines")
    assert found[4] == Line("second", "new")
    assert found[-1] == Line("skipped", "7 equal lines")
    assert len(found) == 9


def test_long_texts_are_cut_before_they_are_compared() -> None:
    same, other = ["x"] * 100_000, ["x", "y"] * 50_000
    assert is_cut(same)
    assert is_cut(["x" * 501])
    assert not is_cut(["x"] * LINES_MAX)
    found = diff(same, other)  # difflib would not end
    assert sum(line.kind == "second" for line in found) == LINES_MAX // 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a":1.50,"b":[true,{"c":"x, {y}: \\"z\\""}],"d":{},"a":2}', None),
        ("[]", ["[]"]),
        ('"text"', ['"text"']),
        ("not json\nat all", ["not json", "at all"]),
        ("", []),
        ("[" * 9_000, ["[" * 9_000]),
        ('{"a":', ['{"a":']),
    ],
)
def test_json_has_a_line_for_each_member_and_other_text_stays_as_it_is(text: str, lines: list[str] | None) -> None:
    found = lines_of(text)
    if lines is not None:
        assert found == lines
        return
    assert found[1:3] == ['  "a": 1.50,', '  "b": [']
    assert found[-2:] == ['  "a": 2', "}"]
    assert json.loads("\n".join(found)) == json.loads(text)
