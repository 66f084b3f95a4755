"""Data is checked against the schema of its type, in a time that no schema can stretch."""

import json
import time
from typing import Any

import pytest

from webhooks_ui.events import schema as checked_schemas
from webhooks_ui.events import strict_json
from webhooks_ui.events.schema import CHECK_SECONDS, TOO_SLOW, UNUSABLE, Budget, violations, wrong_schema

INVOICE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["number"],
    "properties": {
        "number": {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"},
        "total": {"$ref": "#/$defs/amount"},
        "lines": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/amount"}},
    },
    "$defs": {"amount": {"type": "number", "minimum": 0}},
}


def found(schema: object, data: object) -> list[tuple[str, str]]:
    assert wrong_schema(json.dumps(schema)) == ""
    return violations(json.dumps(schema), strict_json.load_raw(json.dumps(data).encode()).value)


def test_data_that_fits_is_fine() -> None:
    assert found(INVOICE, {"number": "A-1", "total": 12.5, "lines": [1, 2]}) == []


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({}, "", "'number' is a required property."),
        ({"number": 5}, "number", "5 is not of type 'string'."),
        ({"number": "a"}, "number", "'a' does not match '^[A-Z]+-[0-9]+$'."),
        ({"number": "A-1", "total": -1}, "total", "-1 is less than the minimum of 0."),
        ({"number": "A-1", "lines": [1, "x"]}, "lines.1", "'x' is not of type 'number'."),
        ({"number": "A-1", "lines": [1, 1.0]}, "lines", "[1, 1.0] has non-unique elements."),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(data: object, path: str, message: str) -> None:
    assert found(INVOICE, data) == [(path, message)]


def test_different_kinds_of_values_are_unique() -> None:
    assert found({"properties": {"x": {"uniqueItems": True}}}, {"x": [1, True, "1", 0, False, None, {}, []]}) == []


@pytest.mark.parametrize(
    ("divisor", "number", "fits"),
    [
        ("0.01", "19.99", True),
        ("0.01", "19.999", False),
        ("0.1", "0.3", True),
        ("0.1", "-0.3", True),
        ("0.5", "1" + "0" * 400, True),
        ("0.3", "1" + "0" * 400, False),
        ("1e2", "1e300", True),
        ("1e-300", "1e308", True),
        ("3", "9.0", True),
        ("3", "10", False),
        ("0.01", "0", True),
        ("0.01", '"19.999"', True),
        ("0.01", "true", True),
    ],
)
def test_a_multiple_is_one_of_the_decimal_numbers_that_were_written(divisor: str, number: str, fits: bool) -> None:
    schema = f'{{"properties": {{"x": {{"multipleOf": {divisor}}}}}}}'
    assert wrong_schema(schema) == ""
    data = strict_json.load_raw(f'{{"x": {number}}}'.encode()).value
    assert [path for path, _ in violations(schema, data)] == ([] if fits else ["x"])


def test_a_pattern_may_name_letters_of_any_script() -> None:
    """ECMA-262 has these classes, and JSON Schema Core, section 6.4, takes its patterns."""
    schema = {"properties": {"name": {"pattern": r"^\p{L}+$"}}}
    assert found(schema, {"name": "Zoë"}) == []
    assert found(schema, {"name": "Z0e"}) == [("name", r"'Z0e' does not match '^\\p{L}+$'.")]


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^\d+$", "2026", True),
        (r"^\d+$", "٢٠٢٦", False),
        (r"^\D+$", "٢٠٢٦", True),
        (r"^\D+$", "2026", False),
        (r"^\w+$", "Zoe_1", True),
        (r"^\w+$", "Zoë", False),
        (r"^[\w.-]+$", "zoe.m-1", True),
        (r"^[\w.-]+$", "zoë.m-1", False),
        (r"^[^\d]+$", "٢", True),
        (r"^\W$", "ë", True),
        (r"^[\w-\.]+$", "zoe-m.1", True),
        (r"^[\w-\.]+$", "zoe+m", False),
        (r"^[+-\d]+$", "+-1", True),
        (r"^[+-\w]+$", "a,", False),
        (r"^\\d$", r"\d", True),
    ],
)
def test_digits_and_word_characters_in_a_pattern_are_ascii(pattern: str, text: str, fits: bool) -> None:
    """As in ECMA-262, whose patterns JSON Schema takes (Core, section 6.4)."""
    assert (found({"properties": {"x": {"pattern": pattern}}}, {"x": text}) == []) is fits


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[0-9]+$", "12", True),
        ("^[0-9]+$", "12\n", False),
        ("^(a$|b)", "a\n", False),
        ("^a$", "a", True),
        (r"^a\$$", "a$", True),
        (r"^a\\$", "a\\", True),
        ("^[$]$", "$", True),
        ("^[]$]+$", "]$", True),
        ("^[^]$]+$", "a", True),
        ("^[^]$]+$", "$", False),
        ("^[a[]$", "[", True),
        ("^[a[]$", "[\n", False),
        ("^[a\\]$]+$", "]$", True),
        ("a", "ba\n", True),
    ],
)
def test_the_end_in_a_pattern_is_the_end_of_the_text(pattern: str, text: str, fits: bool) -> None:
    """As in ECMA-262, whose patterns JSON Schema takes (Core, section 6.4)."""
    assert (found({"properties": {"x": {"pattern": pattern}}}, {"x": text}) == []) is fits


def test_at_most_ten_places_are_told() -> None:
    schema = {"additionalProperties": {"type": "string"}}
    assert len(found(schema, {str(number): number for number in range(500)})) == 10


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "The schema is a JSON object."),
        ("{", "The schema is not JSON"),
        ('{"type": "objekt"}', "The schema is wrong at type"),
        ('{"$ref": "https://example.com/schema"}', "Only references within it"),
        ('{"allOf": [{"$ref": "other.json"}]}', "Only references within it"),
        ('{"$ref": "#/$defs/nothing"}', "refers to '#/$defs/nothing', which isn't in it."),
        ('{"title": "x", "not": {"$ref": "#/title"}}', "refers to '#/title', which is no schema."),
        ('{"required": ["x"], "not": {"$ref": "#/required"}}', "refers to '#/required', which is no schema."),
        ('{"properties": {"type": {}}, "not": {"$ref": "#/properties"}}', "'#/properties', which is no schema."),
        ('{"x": {"type": "objekt"}, "not": {"$ref": "#/x"}}', "refers to '#/x', which is no schema."),
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', "Write it for draft 2020-12."),
        ('{"$id": "https://example.com/"}', "Remove $id"),
        ('{"pattern": "("}', "The pattern '(' can't be read"),
        ('{"patternProperties": {"^a": {}}}', "patternProperties can't be used here"),
        ('{"allOf": [{"unevaluatedProperties": false}]}', "unevaluatedProperties can't be used here"),
        ('{"properties":' * 300 + "{}" + "}" * 300, "nested too deeply"),
        ('{"not":' * 5_000 + "{}" + "}" * 5_000, "nested too deeply"),
        ('{"description": "' + "x" * 70_000 + '"}', "The schema is too large. Use up to 65,536 bytes."),
        ('{"maximum": 1e400}', "The schema is wrong at maximum: The number is too large"),
        ('{"title": "\\ud800"}', "half of a surrogate pair"),
    ],
)
def test_a_schema_that_cannot_be_used_has_its_sentence(text: str, sentence: str) -> None:
    assert sentence in wrong_schema(text)


def test_a_schema_that_was_saved_before_it_was_refused_stops_no_publisher() -> None:
    for schema in ({"title": "x", "$ref": "#/title"}, {"x": {"type": "objekt"}, "$ref": "#/x"}):
        assert violations(json.dumps(schema), {}) == [("", UNUSABLE)]


def test_a_field_may_be_named_like_a_keyword() -> None:
    schema = {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "pattern": {"type": "string"}}}
    assert found(schema, {"$ref": "x", "$id": "y", "pattern": "("}) == []


def doubling(levels: int) -> dict[str, Any]:
    """Return a schema of a few kilobytes that asks for two to the power of ``levels`` checks."""
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": twice | {f"a{levels}": {}}, "$ref": "#/$defs/a0"}


def tree(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"$ref": "#"}, {}),
        (doubling(40), {}),
        (doubling(40) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}, {}),
        ({"properties": {"a": {"allOf": [{"$ref": "#"}] * 2}}}, tree(60)),
        ({"properties": {"x": {"pattern": r"^(\w+\s?)*$"}}}, {"x": "aaaa " * 10_000 + "!"}),
        ({"properties": {"x": {"pattern": "^(a|a)*$"}}}, {"x": "a" * 200 + "b"}),
        ({"properties": {"x": {"uniqueItems": True}}}, {"x": [{"n": n} for n in range(20_000)] + [{"n": 0}]}),
        ({"properties": {"x": {"items": {"anyOf": [{"const": n} for n in range(2_000)]}}}}, {"x": ["a"] * 50_000}),
    ],
    ids=["itself", "doubling", "with $schema", "doubling down", "words", "regex", "unique", "many choices"],
)
def test_no_schema_keeps_a_check_busy(schema: dict[str, Any], data: dict[str, Any]) -> None:
    started = time.thread_time()
    assert found(schema, data)
    assert time.thread_time() - started < 10 * CHECK_SECONDS


def test_waiting_and_loading_are_no_part_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    validator_of = checked_schemas._validator

    def load_slowly(schema: str) -> Any:
        ends_at = time.thread_time() + 0.3
        while time.thread_time() < ends_at:
            pass
        return validator_of(schema)

    class Slow(str):
        """A text that makes a check wait, as a busy machine does."""

        def __len__(self) -> int:
            time.sleep(0.3)
            return super().__len__()

    monkeypatch.setattr(checked_schemas, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(checked_schemas, "_validator", load_slowly)
    schema = json.dumps({"properties": {"x": {"minLength": 1, "pattern": "A"}, "y": {"type": "string"}}})
    assert violations(schema, {"x": Slow("A-1"), "y": "z"}) == []


def test_what_is_told_can_be_stored_in_any_database() -> None:
    ((path, message),) = found({"additionalProperties": {"type": "string"}}, {"\0": 1})
    assert "\0" not in path + message


def test_after_a_check_that_took_too_long_the_others_of_a_request_are_not_made() -> None:
    budget, slow = Budget(), json.dumps({"properties": {"x": {"pattern": "^(a|a)*$"}}})
    for _ in range(3):
        assert violations(slow, {"x": "a" * 200 + "b"}, budget) == [("", TOO_SLOW)]
    started = time.thread_time()
    assert violations(slow, {"x": "b"}, budget) == [("", TOO_SLOW)]
    assert time.thread_time() - started < CHECK_SECONDS / 10


def test_all_checks_of_a_request_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked_schemas, "REQUEST_SECONDS", 0.2)
    budget, schema = Budget(), json.dumps({"items": {"anyOf": [{"const": number} for number in range(300)]}})
    checks = (violations(schema, [299] * 20, budget) for _ in range(10_000))
    assert next(found for found in checks if found) == [("", TOO_SLOW)]
    assert violations(schema, [299] * 20) == []  # of the next request
