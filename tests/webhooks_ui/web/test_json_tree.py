"""JSON that folds."""

import json

import pytest

from webhooks_ui.web.json_tree import CHILDREN_MAX, NODES_MAX, fold


def test_objects_and_arrays_fold_and_say_how_much_is_in_them() -> None:
    tree = fold(b'{"id":"evt_1","data":{"seats":[1,2],"trial":true,"plan":null,"none":{}}}')
    assert "<summary>{ " in tree.replace('<span class="json-count">', "").replace("2 fields</span>", "2 fields")
    for text in ("2 fields", "4 fields", "2 items", '<span class="json-word">true</span>'):
        assert text in tree
    assert tree.count("<details") == 3  # the empty object is a line
    assert tree.count("<details open>") == 2


def test_what_is_in_it_is_escaped() -> None:
    tree = fold(b'{"<b>":"</details><script>"}')
    assert "<b>" not in tree
    assert "<script>" not in tree
    assert "&lt;script&gt;" in tree


@pytest.mark.parametrize("body", [None, b"", b"plain", b"12", b"{}", b"\xff", b"[" * 100_000, b'{"a":'])
def test_what_is_no_object_or_array_is_left_to_the_raw_view(body: bytes | None) -> None:
    assert fold(body) == ""


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000"])
def test_what_no_page_can_hold_is_shown_as_its_escape(text: str) -> None:
    assert text in fold(b'{"a":"' + text.encode() + b'"}')


def test_long_arrays_say_how_much_is_left_out() -> None:
    tree = fold(json.dumps(list(range(CHILDREN_MAX + 5))).encode())
    assert "… and 5 more: see the raw text" in tree


def test_the_whole_tree_is_bounded() -> None:
    rows = {str(row): {str(cell): cell for cell in range(90)} for row in range(90)}
    tree = fold(json.dumps(rows).encode())
    assert tree.count("<li>") <= NODES_MAX
    assert "more: see the raw text" in tree


@pytest.mark.parametrize("literal", ["123456789012345.123456", "1e-400", "-0", "1.50", "1E400"])
def test_numbers_are_shown_as_they_came(literal: str) -> None:
    assert f'<span class="json-number">{literal}</span>' in fold(f'{{"n":{literal}}}'.encode())


def test_names_that_come_twice_are_shown_twice() -> None:
    tree = fold(b'{"a":1,"a":2}')
    assert "2 fields" in tree
    assert tree.count('<span class="json-name">&#34;a&#34;</span>') == 2


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_no_json_are_shown_as_words(constant: str) -> None:
    assert f'<span class="json-word">{constant}</span>' in fold(f'{{"n":{constant}}}'.encode())


def test_a_byte_order_mark_is_passed_over() -> None:
    assert "1 field" in fold(b'\xef\xbb\xbf{"a":[]}')
