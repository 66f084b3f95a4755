"""The keys of events: which values in their data people look for."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhooks_ui.events.keys import KEYS_MAX, keys_of
from webhooks_ui.events.strict_json import Number
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models.event_key import KEY_MAX_CHARACTERS

LICENSE = "d3b0a1c4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.builds(Number, st.just("1")),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "license", "email", "x"]), inner)
    ),
    max_leaves=8,
)


def test_a_license_is_found_by_its_key_its_ids_and_its_customer() -> None:
    data = EVENT_TYPES["license.activated"].example
    customer, product = data["customer"], data["product"]
    assert keys_of(data) == {
        data["id"],
        data["license_key"].lower(),
        customer["email"],
        product["id"],
    }


def test_an_activation_is_found_by_its_identifier_and_its_license() -> None:
    data = EVENT_TYPES["activation.created"].example
    license = data["license"]
    wanted = {data["id"], data["identifier"].lower(), license["id"], license["license_key"].lower()}
    assert wanted < keys_of(data)


def test_contracts_and_telemetry_are_found_too() -> None:
    contract, telemetry = EVENT_TYPES["contract.created"].example, EVENT_TYPES["telemetry.received"].example
    assert keys_of(contract) == {contract["id"], contract["product"]["id"]}
    assert telemetry["activation_identifier"].lower() in keys_of(telemetry)
    assert telemetry["license_key"].lower() in keys_of(telemetry)


@pytest.mark.parametrize("type", sorted(EVENT_TYPES))
def test_every_type_has_keys(type: str) -> None:
    assert EVENT_TYPES[type].example["id"] in keys_of(EVENT_TYPES[type].example)


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ({"previous": {"customer": {"email": "Old@Example.com"}}}, {"old@example.com"}),
        ({"previous": {"id": "1f"}}, {"1f"}),
        ({"metadata": {"id": "no"}, "reason": {"id": "no"}}, set()),
        ({"id": Number("12"), "license_key": None, "email": ["a@b"]}, set()),
        ({"id": "", "email": "  "}, set()),
        ({"id": "a\0b", "email": "a\ud800"}, set()),
        ({"id": "a\nb", "email": "C"}, {"c"}),
        ({"id": " A ", "email": "Ä b\u00a0"}, {"a", "ä b"}),
        ({"id": "A", "license_key": "a"}, {"a"}),
        ({"license_key": "x" * 300}, {"x" * KEY_MAX_CHARACTERS}),
        ({"a": {"b": {"email": "a@b"}}}, {"a@b"}),
        ({"a": {"b": {"c": {"email": "a@b"}}}}, set()),
    ],
)
def test_what_is_a_key_and_what_is_not(data: dict[str, Any], keys: set[str]) -> None:
    assert keys_of(data) == keys


def test_an_event_has_a_limited_number_of_keys() -> None:
    assert len(keys_of({f"object {number}": {"email": f"{number}@example.com"} for number in range(100)})) == KEYS_MAX


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "license", "license_key", "previous"]), JSON))
def test_any_data_has_keys_that_can_be_stored(data: dict[str, Any]) -> None:
    for key in keys_of(data):
        assert 0 < len(key) <= KEY_MAX_CHARACTERS
        key.encode()
        assert "\0" not in key
