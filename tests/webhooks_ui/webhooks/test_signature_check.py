"""The steps that say why a signature is invalid."""

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import signed
from webhooks_ui.models import secret_box
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.signature_check import Known, check
from webhooks_ui.webhooks.signed_request import NAMES, Given, Sent

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
KEY = b"k" * 32
BODY = b'{"id":"evt_1","data":{"name":"J\xc3\xbcrgen","count":1.50}}'


def given(body: bytes = BODY, computed: str = "", changed: dict[str, str] | None = None) -> Given:
    at = int(NOW.timestamp())
    headers = signed.headers("evt_1", "license.activated", "production", BODY, timestamp=at, attempt=1, keys=[KEY])
    return Given({name.lower(): value for name, value in headers.items()} | (changed or {}), body, computed)


SENT = Sent(given().headers, BODY)
DOES_NOT_FIT = "The signature doesn't fit"


def wrong(steps: list[Check]) -> dict[str, str]:
    return {step.title: "".join(map(str, step.found)) for step in steps if step.verdict is Verdict.PROBLEM}


def test_a_genuine_request_passes_every_step() -> None:
    steps = check(given(), SECRET, NOW)
    assert [step.verdict for step in steps] == [Verdict.FINE] * 4


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        (NAMES[1:2], "webhook-timestamp is missing. A proxy may have removed it."),
        (NAMES[1:], "webhook-timestamp and webhook-signature are missing. A proxy may have removed them."),
        (
            NAMES,
            "None of webhook-id, webhook-timestamp, webhook-signature is there. Paste all headers of the request, "
            "a line each.",
        ),
    ],
)
def test_missing_headers_are_named(missing: Sequence[str], found: str) -> None:
    steps = check(given(changed=dict.fromkeys(missing, "")), SECRET, NOW)
    assert wrong(steps) == {"Headers are missing": found}


@pytest.mark.parametrize("secret", ["", "password", "whsec_!!!", "whsec_YWJj"])
def test_a_secret_of_the_wrong_form_is_told(secret: str) -> None:
    assert "The secret has the wrong form" in wrong(check(given(), secret, NOW))


@pytest.mark.parametrize("later", [299, 301, -299, -301])
def test_an_old_timestamp_is_a_note(later: int) -> None:
    step = check(given(), SECRET, NOW + timedelta(seconds=later))[2]
    recent, old = (Verdict.FINE, "The timestamp is recent"), (Verdict.NOTE, "The timestamp is not recent")
    assert (step.verdict, step.title) == (recent if abs(later) < 300 else old)


@pytest.mark.parametrize("text", ["soon", "-1", "1_0", "1795430400000000", "9" * 5_000])
def test_a_timestamp_that_is_none_is_wrong(text: str) -> None:
    found = wrong(check(given(changed={"webhook-timestamp": text}), SECRET, NOW))
    assert "no Unix time" in found["The timestamp is not a time"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY + b"\n", "White space was added"),
        (b"  " + BODY, "White space was added"),
        (json.dumps(json.loads(BODY)).encode(), "differs from"),
    ],
)
def test_a_changed_body_is_recognized(body: bytes, words: str) -> None:
    assert words in wrong(check(given(body), SECRET, NOW, Known([SENT])))[DOES_NOT_FIT]


def test_json_that_was_written_again_is_recognized() -> None:
    compact = b'{"id":"evt_1","data":{"count":1}}'
    at = int(NOW.timestamp())
    headers = signed.headers("evt_1", "license.activated", "production", compact, timestamp=at, attempt=1, keys=[KEY])
    parsed = json.dumps(json.loads(compact), indent=2).encode()
    steps = check(Given({name.lower(): value for name, value in headers.items()}, parsed), SECRET, NOW)
    assert "parsed and written again" in wrong(steps)[DOES_NOT_FIT]


def test_white_space_between_signatures_is_no_difference() -> None:
    request = given(changed={"webhook-signature": f"  {given().headers['webhook-signature']} "})
    found = wrong(check(request, secret_box.generate(), NOW, Known([SENT])))
    assert found[DOES_NOT_FIT].startswith("The headers and the body are as they were sent")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "evt_2"),
        ("webhook-timestamp", "1"),
        ("webhook-timestamp", "soon"),
        ("webhook-signature", f"v1,{base64.b64encode(b'x' * 32).decode()}"),
    ],
)
def test_a_header_that_differs_from_what_was_sent_is_named(name: str, value: str) -> None:
    found = wrong(check(given(changed={name: value}), SECRET, NOW, Known([SENT], [SECRET])))
    told = f"{name} differs from what was sent. Sent: {SENT.headers[name]}. Here: {value}."
    assert found[DOES_NOT_FIT] == told


def test_a_signature_without_a_version_is_compared_with_what_was_sent() -> None:
    found = wrong(check(given(changed={"webhook-signature": "rubbish"}), SECRET, NOW, Known([SENT])))
    sent = SENT.headers["webhook-signature"]
    assert found == {
        "There is no signature of version 1": 'webhook-signature has no part that begins with "v1,". '
        f"webhook-signature differs from what was sent. Sent: {sent}. Here: rubbish."
    }


def test_the_attempt_that_is_most_alike_is_compared() -> None:
    others = [Sent({**SENT.headers, "webhook-timestamp": str(at), "webhook-signature": "v1,b"}, BODY) for at in (1, 2)]
    found = wrong(check(given(changed={"webhook-timestamp": "3"}), SECRET, NOW, Known([others[0], SENT, others[1]])))
    assert f"Sent: {SENT.headers['webhook-timestamp']}. Here: 3." in found[DOES_NOT_FIT]
    assert "webhook-signature differs" not in found[DOES_NOT_FIT]


def test_all_that_differs_is_named() -> None:
    found = wrong(check(given(b"{}", changed={"webhook-timestamp": "3"}), SECRET, NOW, Known([SENT])))
    assert "webhook-timestamp differs" in found[DOES_NOT_FIT]
    assert "The body differs" in found[DOES_NOT_FIT]


def test_an_empty_body_is_told() -> None:
    found = wrong(check(given(b""), SECRET, NOW, Known([SENT])))
    assert found[DOES_NOT_FIT] == f"The body is empty, but {len(BODY)} bytes were sent."


def test_a_long_header_is_cut() -> None:
    found = wrong(check(given(changed={"webhook-signature": "v1," + "a" * 5_000}), SECRET, NOW, Known([SENT])))
    assert len(found[DOES_NOT_FIT]) < 1_000


@pytest.mark.parametrize("typed", ["whsec_" + "A" * 44, "whsec_short", "password"])
def test_a_typed_secret_that_fails_is_told_that_the_stored_one_fits(typed: str) -> None:
    steps = check(given(), typed, NOW, Known([SENT], [SECRET]))
    found = wrong(steps)
    assert found["The typed secret is not the stored one"].startswith("The stored secret fits.")
    assert "replaced meanwhile" not in str(steps)
    assert SECRET not in str(steps)


def test_a_typed_secret_that_is_another_is_a_note_if_the_stored_one_fits_neither() -> None:
    steps = check(given(b"{}"), secret_box.generate(), NOW, Known([SENT], [SECRET]))
    assert steps[-1].title == "The typed secret is not the stored one"
    assert steps[-1].verdict is Verdict.NOTE


def test_a_typed_secret_that_fits_is_not_compared_with_the_stored_one() -> None:
    steps = check(given(), SECRET, NOW, Known([SENT], [secret_box.generate()]))
    assert [step.verdict for step in steps] == [Verdict.FINE] * 4


def test_an_older_secret_that_signed_the_request_is_told() -> None:
    present = secret_box.generate()
    found = wrong(check(given(), present, NOW, Known([SENT], [present, SECRET])))
    assert found == {
        DOES_NOT_FIT: "It was signed with an older secret of the webhook, before the present one was there."
    }


def test_another_secret_is_suspected() -> None:
    assert "another webhook" in wrong(check(given(), secret_box.generate(), NOW))[DOES_NOT_FIT]


def test_one_of_two_signatures_is_enough() -> None:
    request = given()
    both = f"v1,{base64.b64encode(b'x' * 32).decode()} {request.headers['webhook-signature']}"
    assert not wrong(check(given(changed={"webhook-signature": both}), SECRET, NOW))


@pytest.mark.parametrize(
    ("key", "signed", "words"),
    [
        (SECRET.encode(), None, "used as text"),
        (SECRET.removeprefix("whsec_").encode(), None, "without decoding"),
        (KEY, BODY, "Only the body was signed"),
    ],
)
def test_a_common_mistake_of_the_receiver_is_named(key: bytes, signed: bytes | None, words: str) -> None:
    content = signed or f"evt_1.{int(NOW.timestamp())}.".encode() + BODY
    computed = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    assert words in wrong(check(given(computed=computed), SECRET, NOW))["Your signature is wrong"]
