import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier

from jobs.sign import sign
from tests.support.signed import headers

KEY = bytes(range(32))


def test_the_signature_is_base64_of_hmac_sha256_over_id_timestamp_and_body() -> None:
    expected = base64.b64encode(hmac.new(KEY, b"evt_1.1700000000.{}", hashlib.sha256).digest()).decode()
    assert sign("evt_1", 1_700_000_000, b"{}", [KEY]) == f"v1,{expected}"


def test_two_keys_are_two_signatures_in_their_order() -> None:
    one, two = (sign("evt_1", 1, b"{}", [key]) for key in (KEY, b"x" * 24))
    assert sign("evt_1", 1, b"{}", [KEY, b"x" * 24]) == f"{one} {two}"


@given(st.binary(min_size=24, max_size=64), st.text(max_size=50))
def test_the_reference_library_agrees_for_any_key_and_body(key: bytes, text: str) -> None:
    import json
    import time

    body = json.dumps({"data": text}).encode()
    sent = headers("evt_1", "license.activated", "staging", body, timestamp=int(time.time()), attempt=2, keys=[key])
    secret = "whsec_" + base64.b64encode(key).decode()
    assert Verifier(secret).verify(body, {name.lower(): value for name, value in sent.items()}) == {"data": text}
