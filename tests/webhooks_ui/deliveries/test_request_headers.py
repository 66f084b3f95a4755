"""What the log stores of the headers of a request, and what it makes anew."""

import pytest

from webhooks_ui.deliveries.request_headers import Kept, Sent, headers_of, kept_of, merged

EVENT = "evt_1", "license.activated", "production"
SENT = Sent(*EVENT, 42, 3, 1_700_000_000, "v1,c2lnbmF0dXJl", version="0.1.0")


def test_what_a_released_version_has_sent_is_made_as_it_was() -> None:
    """Old attempts are shown by this. Don't change what is expected here: add the next version."""
    assert list(headers_of(SENT).items()) == [
        ("Content-Type", "application/json"),
        ("Content-Length", "42"),
        ("User-Agent", "KeyManager-Webhooks/0.1.0 (+standard-webhooks)"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("webhook-id", "evt_1"),
        ("webhook-timestamp", "1700000000"),
        ("webhook-signature", "v1,c2lnbmF0dXJl"),
        ("X-Webhook-Signature", "v1,c2lnbmF0dXJl"),
        ("X-Webhook-Event", "license.activated"),
        ("X-Webhook-Environment", "production"),
        ("X-Webhook-Attempt", "3"),
    ]
    more = headers_of(SENT._replace(is_test=True, traceparent="00-a"))
    assert list(more.items())[12:] == [("X-Webhook-Test", "true"), ("traceparent", "00-a")]
    assert list(headers_of(SENT._replace(signature=""))) == list(more)[:6]


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({}, {}),
        ({"Content-Type": "application/cloudevents+json"}, {"Content-Type": "application/cloudevents+json"}),
        ({"webhook-timestamp": "1700000001"}, {"webhook-timestamp": "1700000001"}),
        ({"X-Tenant": "…", "Authorization": "…"}, {"X-Tenant": "…", "Authorization": "…"}),
    ],
)
def test_only_what_differs_is_stored(changed: dict[str, str], kept: dict[str, str]) -> None:
    headers = headers_of(SENT) | changed
    stored = kept_of(headers, SENT)
    assert stored == Kept(kept, SENT.signature, "0.1.0")  # type: ignore[arg-type]
    assert list(merged(headers_of(SENT), stored.headers).items()) == list(headers.items())


def test_a_header_that_was_replaced_is_not_made() -> None:
    headers = {name: value for name, value in headers_of(SENT).items() if name != "Accept"} | {"accept": "text/plain"}
    stored = kept_of(headers, SENT)
    assert stored.headers == {"accept": "text/plain", "Accept": None}
    assert list(merged(headers_of(SENT), stored.headers).items()) == list(headers.items())


def test_headers_in_another_order_are_stored_whole() -> None:
    made = headers_of(SENT)
    headers = {name: made[name] for name in made if name != "Accept"} | {"Accept": "text/plain"}
    assert kept_of(headers, SENT) == Kept(headers, None, None)  # type: ignore[arg-type]
