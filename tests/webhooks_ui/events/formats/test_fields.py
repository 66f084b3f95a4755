import pytest

from webhooks_ui.events.formats.fields import fields_of
from webhooks_ui.events.formats.values import Data
from webhooks_ui.events.strict_json import load_raw, render


def fields(event_type: str, data: Data) -> dict[str, str]:
    return dict(fields_of(event_type, load_raw(render(data).encode()).value))


def test_names_are_words_and_codes_are_told() -> None:
    data = {
        "license_key": "K",
        "status": "suspended",
        "activations_count": 1,
        "activation_limit": 3,
        "expires_at": None,
    }
    assert fields("license.suspended", data) == {
        "License key": "K", "Status": "Suspended", "Activations": "1 of 3", "Expires": "Never",
    }  # fmt: skip


@pytest.mark.parametrize(("code", "told"), [("_", "_"), ("__", "__"), ("_no__seats_", "No seats"), ("", None)])
def test_a_code_of_underscores_is_not_told_as_blanks(code: str, told: str | None) -> None:
    """Discord refuses a whole message with a field of blanks."""
    assert fields("license.created", {"status": code}).get("Status") == told
    assert fields("telemetry.flagged", {"flags": [code]}).get("Flags") == told


@pytest.mark.parametrize(("limit", "told"), [(-1, "7, unlimited"), (9, "7 of 9"), (None, "7"), ("many", "7 of many")])
def test_a_count_is_told_with_its_limit(limit: object, told: str) -> None:
    assert fields("license.created", {"activations_count": 7, "activation_limit": limit})["Activations"] == told


def test_a_time_is_told_in_utc() -> None:
    assert fields("license.created", {"expires_at": "2026-12-01T01:30:00+02:00"})["Expires"] == "30 Nov 2026, 23:30 UTC"
    assert fields("license.created", {"expires_at": "2026-11-30t23:30:00z"})["Expires"] == "30 Nov 2026, 23:30 UTC"
    assert fields("license.created", {"expires_at": "some day"})["Expires"] == "some day"


def test_what_changed_is_told_with_both_values() -> None:
    data = {"status": "active", "note": "b", "previous": {"status": None, "note": "a", "updated_at": "x"}}
    assert fields("license.updated", data)["Changed"] == "Status: none → active; Note: a → b"


def test_data_without_main_fields_is_told_as_it_is() -> None:
    data = {"invoice_id": "INV-7", "paid": True, "lines": [{"n": 1}, [2, [3, [4]]]], "nothing": None, "total": 12.5}
    assert fields("invoice.paid", data) == {
        "Invoice id": "INV-7", "Paid": "yes", "Lines": "n: 1, 2, …", "Total": "12.5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("", "Field"),
        ("*_~`<@#>", "Field"),
        ("customer-email.address", "Customer email address"),
        ("نام_مشتری", "نام مشتری"),
        ("ग्राहक_का_नाम", "ग्राहक का नाम"),
        ("x" * 1_000, "X" + "x" * 39),
    ],
)
def test_a_name_becomes_a_label_without_markup(name: str, label: str) -> None:
    assert fields("invoice.paid", {name: "1"}) == {label: "1"}


def test_a_long_list_is_told_in_part() -> None:
    told = fields("telemetry.flagged", {"flags": ["a"] * 21})["Flags"]
    assert told == ", ".join(["A"] * 20) + ", …"


def test_a_text_that_goes_on_behind_much_space_says_so() -> None:
    assert fields("product.created", {"name": "a" + " " * 5_000 + "b"})["Product"] == "a…"


def test_an_outcome_is_told_as_the_pages_tell_it() -> None:
    data = {"last_attempt": {"outcome": "tls_failed", "response_code": None}}
    assert fields("webhook.failing", data)["Last answer"] == "TLS failed"
