"""Which fields of an event's data a webhook gets."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks_ui.events import strict_json
from webhooks_ui.events.selection import Mode, Selection, fields_text, selected

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True, database=None)
DATA: dict[str, Any] = {
    "id": 1,
    "customer": {"name": "Ada", "email": "ada@example.com", "address": {"city": "London", "zip": "N1"}},
    "items": [{"sku": "a", "owner": {"email": "x"}}, {"sku": "b"}, "loose", [{"sku": "c", "owner": {"email": "y"}}]],
}


def of(mode: str, paths: list[str], data: dict[str, Any] = DATA, **extra: Any) -> dict[str, Any]:
    return Selection(Mode(mode), tuple(paths), extra).of(data)


def test_fields_are_left_out_at_every_depth_and_in_lists() -> None:
    left = of("leave_out", ["customer.email", "customer.address.zip", "items.owner.email", "nothing.here"])
    assert left["customer"] == {"name": "Ada", "address": {"city": "London"}}
    assert left["items"] == [{"sku": "a", "owner": {}}, {"sku": "b"}, "loose", [{"sku": "c", "owner": {}}]]
    assert left["id"] == 1


def test_former_values_of_what_is_left_out_are_left_out() -> None:
    previous = {
        "customer.email": "old@example.com",
        "customer.address": {"city": "Paris", "zip": "75001"},
        "customer": {"email": "older@example.com", "name": "Bob"},
        "license_key": "OLD",
        "items.count": 2,
    }
    data = DATA | {"license_key": "NEW", "previous": previous}
    left = of("leave_out", ["customer.email", "customer.address.zip", "license_key"], data)
    assert left["previous"] == {
        "customer.address": {"city": "Paris"},
        "customer": {"name": "Bob"},
        "items.count": 2,
    }
    assert "previous" not in of("leave_out", ["previous"], data)
    assert of("keep", ["id"], data) == {"id": 1}


def test_only_chosen_fields_are_kept() -> None:
    assert of("keep", ["id", "customer.address.city"]) == {"id": 1, "customer": {"address": {"city": "London"}}}
    assert of("keep", ["items.sku"]) == {"items": [{"sku": "a"}, {"sku": "b"}, [{"sku": "c"}]]}
    assert of("keep", ["id.deeper", "nothing"]) == {}


def test_a_shorter_path_counts_for_all_below_it() -> None:
    assert of("keep", ["customer.address.city", "customer"]) == {"customer": DATA["customer"]}
    assert "customer" not in of("leave_out", ["customer.email", "customer"])


def test_extra_fields_are_added_and_win() -> None:
    assert of("keep", ["id"], tenant="emea", id="mine") == {"id": "mine", "tenant": "emea"}
    assert of("leave_out", [], tenant="emea") == DATA | {"tenant": "emea"}


def test_without_fields_the_body_is_sent_to_the_letter() -> None:
    body = b'{ "id" : "evt_1",  "data": {"n": 1.0} }'
    assert selected(body, None) is body
    assert fields_text(None) is None
    assert fields_text({}) is None


def test_the_rest_of_the_body_and_numbers_keep_their_literals() -> None:
    body = b'{"id":"evt_1","type":"x.y","test":true,"data":{"a":1.50,"b":1E2,"c":"\xc3\xa9"}}'
    fields = fields_text(Selection(Mode.LEAVE_OUT, ("b",), {}).as_json())
    assert selected(body, fields) == b'{"id":"evt_1","type":"x.y","test":true,"data":{"a":1.50,"c":"\xc3\xa9"}}'


def test_numbers_of_extra_fields_keep_their_literals() -> None:
    extra = strict_json.load_raw(b'{"n": 1.10, "m": 12345678901234567890.12}').value
    stored = json.loads(json.dumps(Selection(extra=extra).as_json()))  # as a database returns it
    assert selected(b'{"data":{}}', fields_text(stored)) == b'{"data":{"n":1.10,"m":12345678901234567890.12}}'
    assert Selection.parse(stored) == Selection(extra=extra)


def test_a_selection_that_was_stored_with_an_object_is_read() -> None:
    stored = {"mode": "keep", "paths": ["n"], "extra": {"tenant": "emea"}}
    assert selected(b'{"data":{"n":1}}', fields_text(stored)) == b'{"data":{"n":1,"tenant":"emea"}}'


NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        st.integers(0, 3),
        lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(NAMES, children, max_size=3)),
        max_leaves=8,
    ),
    max_size=3,
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=1, max_size=3)


def leaves(value: Any, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of each single value. Lists don't count as a step."""
    if isinstance(value, dict):
        return [path for name, child in value.items() for path in leaves(child, (*before, name))]
    if isinstance(value, list):
        return [path for item in value for path in leaves(item, before)]
    return [before]


@SETTINGS
@given(TREES, PATHS)
def test_no_value_below_a_left_out_path_is_sent_and_each_other_is(data: dict[str, Any], paths: list[str]) -> None:
    def is_named(leaf: tuple[str, ...]) -> bool:
        return any(leaf[: path.count(".") + 1] == tuple(path.split(".")) for path in paths)

    assert leaves(of("leave_out", paths, data)) == [leaf for leaf in leaves(data) if not is_named(leaf)]
    kept = leaves(of("keep", paths, data))
    assert kept == [leaf for leaf in leaves(data) if is_named(leaf)]
    body = json.dumps({"id": "evt_1", "data": data}).encode()
    sent = json.loads(selected(body, fields_text(Selection(Mode.KEEP, tuple(paths), {}).as_json())))
    assert leaves(sent["data"]) == kept
