"""The catalogue of event types is complete, and its examples are realistic."""

import ast
import json
import re
from pathlib import Path

import pytest

from webhooks_ui.events import types
from webhooks_ui.events.types import CATEGORIES, EVENT_TYPES, FIELDS, EventType

ACTIONS = {
    "license": "created updated deleted assigned activated deactivated suspended expired revoked",
    "activation": "created deleted failed",
    "product": "created updated deleted",
    "contract": "created updated deleted suspended",
    "telemetry": "received flagged",
}
NAMES = [f"{category}.{action}" for category, actions in ACTIONS.items() for action in actions.split()]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_catalogue_has_the_21_types_in_order() -> None:
    assert list(EVENT_TYPES) == NAMES


def test_the_categories_hold_every_type_once() -> None:
    assert [type.name for types in CATEGORIES.values() for type in types] == NAMES


@pytest.mark.parametrize("type", EVENT_TYPES.values(), ids=NAMES)
def test_an_example_has_exactly_the_fields_that_are_described(type: EventType) -> None:
    described = {name for name, _ in FIELDS[type.category]}
    extra = (
        {"reason"} if type.name == "activation.failed" else {"previous"} if type.name.endswith(".updated") else set()
    )
    assert set(type.example) == described - {"reason", "previous"} | extra


@pytest.mark.parametrize("type", EVENT_TYPES.values(), ids=NAMES)
def test_an_example_is_json_with_utc_times_and_one_line_of_description(type: EventType) -> None:
    assert json.loads(json.dumps(type.example)) == type.example
    times = [value for name, value in type.example.items() if name.endswith("_at") and value is not None]
    assert all(TIME.fullmatch(value) for value in times)
    assert "\n" not in type.description
    assert type.description.endswith(".")


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".updated")])
def test_previous_holds_old_values_of_fields_that_changed(name: str) -> None:
    example = EVENT_TYPES[name].example
    assert example["previous"]
    assert all(example[field] != old for field, old in example["previous"].items())


def test_the_catalogue_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(types.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"dataclasses", "typing"}
