"""Which events the conditions of a webhook let pass."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks_ui.events import conditions, strict_json
from webhooks_ui.events.conditions import Condition, Filter, Match, Operator, is_there, list_on_the_way

SETTINGS = settings(max_examples=300, deadline=None, derandomize=True, database=None)
DATA: dict[str, Any] = {
    "name": "Ada",
    "count": 5,
    "price": 12.50,
    "is_trial": True,
    "note": None,
    "flags": ["offline", "bypassed_activation", 3],
    "reason": {"code": "limit_reached", "details": {"max": 3}},
    "items": [{"sku": "a"}],
    "expires_at": "2026-11-23T10:00:00+02:00",
    "day": "2026-11-23",
    "small": "2026-11-23t10:00:00z",
}


def passes(field: str, operator: str, value: str = "", data: dict[str, Any] = DATA) -> bool:
    """Return what the condition says of the data, as it is published. A filter of it alone must say the same."""
    read = strict_json.load_raw(json.dumps(data).encode()).value
    condition = Condition(field, Operator(operator), value)
    found = {Filter(match, (condition,)).passes(given) for match in Match for given in (read, data)}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("name", "equals", "Ada", True),
        ("name", "equals", "ada", False),
        ("reason.code", "equals", "limit_reached", True),
        ("reason.details.max", "equals", "3", True),
        ("reason.details.max", "equals", "3.0", True),
        ("count", "equals", "5e0", True),
        ("price", "equals", "12.5", True),
        ("count", "equals", "five", False),
        ("count", "equals", "٥", False),  # a digit, but not one of JSON
        ("count", "equals", " 5", False),
        ("is_trial", "equals", "true", True),
        ("is_trial", "equals", "1", False),
        ("is_trial", "equals", "True", False),
        ("note", "equals", "null", True),
        ("note", "equals", "", False),
        ("flags", "equals", "offline", False),
        ("reason", "equals", "limit_reached", False),
        ("missing", "equals", "x", False),
        ("missing", "equals", "null", False),
        ("name", "differs", "Ada", False),
        ("name", "differs", "Bob", True),
        ("missing", "differs", "x", True),
        ("flags", "differs", "x", True),
        ("name", "one_of", "Bob, Ada", True),
        ("name", "one_of", "Bob,Cy", False),
        ("count", "one_of", "4, 5", True),
        ("is_trial", "one_of", "false, null", False),
        ("flags", "contains", "bypassed_activation", True),
        ("flags", "contains", "bypassed", False),
        ("flags", "contains", "3", True),
        ("name", "contains", "d", True),
        ("count", "contains", "5", False),
        ("reason", "contains", "code", False),
        ("missing", "contains", "x", False),
        ("name", "starts_with", "Ad", True),
        ("name", "starts_with", "da", False),
        ("count", "starts_with", "5", False),
        ("count", "greater", "4", True),
        ("count", "greater", "5", False),
        ("count", "greater", "-1e3", True),
        ("price", "less", "12.51", True),
        ("name", "greater", "4", False),
        ("flags", "greater", "0", False),
        ("is_trial", "greater", "0", False),
        ("note", "less", "1", False),
        ("expires_at", "greater", "2026-11-23T07:59:59Z", True),
        ("expires_at", "greater", "2026-11-23T08:00:00Z", False),
        ("expires_at", "less", "2026-11-24", True),
        ("day", "greater", "2026-11-22", True),
        ("day", "less", "2026-11-22T23:59:59-02:00", True),
        ("day", "greater", "2026-11-22t23:59:59z", True),
        ("small", "greater", "2026-11-23T07:59:59Z", True),
        ("small", "less", "2026-11-24", True),
        ("name", "less", "2026-11-22", False),
        ("count", "exists", "", True),
        ("note", "exists", "", False),
        ("missing", "exists", "", False),
        ("note", "missing", "", True),
        ("reason.none.deeper", "missing", "", True),
        ("name.first", "exists", "", False),
        ("items.sku", "equals", "a", False),
        ("items.0.sku", "equals", "a", False),
    ],
)
def test_each_operator(field: str, operator: str, value: str, expected: bool) -> None:
    assert passes(field, operator, value) is expected


def test_all_or_any_of_the_conditions_must_hold() -> None:
    true, false = Condition("name", Operator.EQUALS, "Ada"), Condition("name", Operator.EQUALS, "Bob")
    table = {(true, true): (True, True), (true, false): (False, True), (false, false): (False, False)}
    for conditions_, expected in table.items():
        assert (Filter(Match.ALL, conditions_).passes(DATA), Filter(Match.ANY, conditions_).passes(DATA)) == expected


def test_numbers_are_compared_exactly() -> None:
    body = b'{"n": 12345678901234567890.1}'
    data = strict_json.load_raw(body).value
    condition = Condition("n", Operator.GREATER, "12345678901234567890.0999")
    assert Filter(Match.ALL, (condition,)).passes(data)
    assert not Filter(Match.ALL, (Condition("n", Operator.EQUALS, "12345678901234567890"),)).passes(data)


@pytest.mark.parametrize("literal", ["1e999999999", "-1e999999999", "1e-999999999", "1" * 1_000, "0." + "1" * 200_000])
def test_a_number_of_any_size_is_compared_at_once(literal: str) -> None:
    data = strict_json.load_raw(f'{{"n": {literal}}}'.encode()).value
    for operator in (Operator.EQUALS, Operator.GREATER, Operator.LESS):
        for value in ("5", "1e999999999999999999", "2026-11-23"):
            Filter(Match.ALL, (Condition("n", operator, value),)).passes(data)


def test_long_texts_are_not_kept_in_memory() -> None:
    limit = Condition("text", Operator.GREATER, "2026-11-23")
    before = conditions._read_time.cache_info().currsize, conditions._read_number.cache_info().currsize
    for number in range(20):
        assert not Filter(Match.ALL, (limit,)).passes({"text": f"{number}" + "x" * 200_000})
    after = conditions._read_time.cache_info().currsize, conditions._read_number.cache_info().currsize
    assert after[0] - before[0] <= 1
    assert after[1] - before[1] <= 1


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T10:00"])
def test_the_first_and_the_last_time_can_be_compared(at: str) -> None:
    assert passes("at", "greater", "2026-11-22", {"at": at}) is not at.startswith("0001")


NAMES = st.sampled_from(["a", "b"])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.5, 1.0, 2.5]),
        st.sampled_from(["", "a", "ab", "1", "true", "null", "2026-11-23", "2026-11-23T01:00:00Z"]),
    ),
    lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(NAMES, children, max_size=2)),
    max_leaves=6,
)
CONDITIONS = st.builds(
    Condition,
    st.sampled_from(["a", "b", "a.a", "a.b", "b.a.b"]),
    st.sampled_from(Operator),
    st.sampled_from(["a", "ab", "1", "1.0", "0.5", "-2", "true", "null", "2026-11-23", "a, 1", "null, ab, 2.5"]),
)


def naive(condition: Condition, data: Any) -> bool:
    """Say what a condition means, without a thought of speed."""
    found, is_missing = data, False
    for name in condition.field.split("."):
        if isinstance(found, dict) and name in found:
            found = found[name]
        else:
            is_missing = True
            break

    def same(value: Any, text: str) -> bool:
        if isinstance(value, str):
            return value == text
        if isinstance(value, dict | list):
            return False
        try:
            return bool(json.loads(text) == value) and isinstance(json.loads(text), bool) == isinstance(value, bool)
        except ValueError:
            return False

    def compared(sign: int) -> bool:
        if is_missing or isinstance(found, bool):
            return False
        if isinstance(found, int | float):
            try:
                return (found - float(condition.value)) * sign > 0
            except ValueError:
                return False
        is_time = isinstance(found, str) and found.startswith("2026") and condition.value.startswith("2026")
        times = [text if "T" in text else f"{text}T00:00:00Z" for text in (str(found), condition.value)]
        return is_time and times[0] != times[1] and (times[0] > times[1]) == (sign > 0)

    text = condition.value
    match condition.operator:
        case Operator.EQUALS:
            return not is_missing and same(found, text)
        case Operator.DIFFERS:
            return is_missing or not same(found, text)
        case Operator.ONE_OF:
            return not is_missing and any(same(found, part.strip()) for part in text.split(","))
        case Operator.CONTAINS:
            inside = not is_missing and isinstance(found, str) and text in found
            return inside or (isinstance(found, list) and not is_missing and any(same(item, text) for item in found))
        case Operator.STARTS_WITH:
            return not is_missing and isinstance(found, str) and found.startswith(text)
        case Operator.GREATER:
            return compared(1)
        case Operator.LESS:
            return compared(-1)
        case Operator.EXISTS:
            return not is_missing and found is not None
    return is_missing or found is None


@SETTINGS
@given(st.dictionaries(NAMES, VALUES, max_size=2), st.lists(CONDITIONS, min_size=1, max_size=4), st.sampled_from(Match))
def test_filters_say_what_a_naive_reading_says(data: dict[str, Any], given_: list[Condition], match: Match) -> None:
    expected = (all if match is Match.ALL else any)(naive(condition, data) for condition in given_)
    read = strict_json.load_raw(json.dumps(data).encode()).value
    filter = Filter(match, tuple(given_))
    assert filter.passes(read) is expected
    assert filter.passes(data) is expected
    assert Filter.parse(json.loads(json.dumps(filter.as_json()))) == filter


@pytest.mark.parametrize(
    ("field", "operator", "value", "remark"),
    [
        ("flags", "greater", "5", "flags is a list here, but the condition needs a number."),
        ("name", "less", "5", "name is a text here, but the condition needs a number."),
        ("count", "greater", "2026-11-23", "count is a number here, but the condition needs a time."),
        ("count", "starts_with", "5", "count is a number here, but the condition needs a text."),
        ("is_trial", "contains", "t", "is_trial is true or false here, but the condition needs a text or a list."),
        ("reason", "equals", "x", "reason is an object here, but the condition needs a single value."),
        ("items.sku", "equals", "a", "items is a list, and a path doesn't lead into lists."),
        ("count", "equals", "x", "count is a number here, so it can't equal x."),
        ("count", "equals", "true", "count is a number here, so it can't equal true."),
        ("count", "equals", "x" * 70, f"count is a number here, so it can't equal {'x' * 60}…."),
        ("count", "one_of", "x, y", "count is a number here, so it can't be one of x, y."),
        ("is_trial", "equals", "x", "is_trial is true or false here, so it can't equal x."),
        ("is_trial", "equals", "1", "is_trial is true or false here, so it can't equal 1."),
    ],
)
def test_a_condition_without_sense_is_false_and_says_why(field: str, operator: str, value: str, remark: str) -> None:
    condition = Condition(field, Operator(operator), value)
    assert Filter(Match.ALL, (condition,)).remarks(DATA) == [remark]
    assert not passes(field, operator, value)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        *(("note", "greater", "5"), ("missing", "equals", "x"), ("flags", "exists", ""), ("day", "less", "2027-01-01")),
        *(("count", "equals", "7"), ("count", "differs", "null"), ("count", "one_of", "x, 7"), ("name", "equals", "5")),
        *(("is_trial", "equals", "false"), ("is_trial", "one_of", "x, true"), ("note", "equals", "x")),
    ],
)
def test_a_condition_with_sense_says_nothing(field: str, operator: str, value: str) -> None:
    assert Filter(Match.ALL, (Condition(field, Operator(operator), value),)).remarks(DATA) == []


def test_a_difference_that_always_holds_is_said() -> None:
    condition = Condition("count", Operator.DIFFERS, "x")
    assert Filter(Match.ALL, (condition,)).remarks(DATA) == ["count is a number here, so it can't equal x."]
    assert passes("count", "differs", "x")


def test_a_path_says_whether_it_is_there_and_where_a_list_ends_it() -> None:
    assert is_there(DATA, "note")
    assert is_there(DATA, "reason.details.max")
    assert not is_there(DATA, "reason.details.min")
    assert list_on_the_way(DATA, "items.sku") == "items"
    assert list_on_the_way(DATA, "items") == ""
