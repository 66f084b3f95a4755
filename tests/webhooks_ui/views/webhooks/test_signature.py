"""The page "Why is the signature invalid?" takes what a delivery sent, and any secret."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.sign import sign
from tests.support.factories import make_delivery, make_event, make_unreadable_webhook, make_webhook, older_secret
from tests.support.signed import headers
from webhooks_ui.database import db
from webhooks_ui.deliveries.display import header_lines
from webhooks_ui.models import Attempt, Delivery, Webhook, secret_box, utcnow


def attempted(delivery: Delivery, **fields: Any) -> Attempt:
    """Add the attempt that a worker would have recorded, signed by the webhook's secret."""
    now, body = utcnow(), fields.get("request_body") or delivery.event.body
    keys = [secret_box.key_bytes(delivery.webhook.secret)]
    attempt = Attempt(
        delivery_id=delivery.id,
        started_at=now,
        duration_ms=5,
        outcome="delivered",
        url="https://example.com/",
        response_headers=[],
        kept_headers={},
        signature=sign(delivery.event.public_id, int(now.timestamp()), body, keys),
        sent_by="0.1.0",
        **{"number": 1} | fields,
    )
    db.session.add(attempt)
    db.session.commit()
    return attempt


def fields_of(page: str) -> dict[str, str]:
    found = re.findall(r'<textarea id="(headers|body)"[^>]*>(.*?)</textarea>', page, re.S)
    return {name: html.unescape(text) for name, text in found}


def verdicts(client: FlaskClient, webhook: Webhook, **fields: str) -> list[tuple[str, str]]:
    answer = client.post(f"/admin/webhooks/{webhook.id}/signature", data=fields)
    assert answer.status_code == 200
    found = re.findall(r'<li data-status="(\w+)".*?<b>(.*?)</b>', answer.text.partition("<textarea")[0], re.S)
    return [(status, html.unescape(title)) for status, title in found]


def test_what_a_delivery_sent_is_filled_in_and_fits(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    attempted(delivery)
    attempted(delivery, number=2, request_body=b"{\n}")
    filled = fields_of(admin.get(f"/admin/webhooks/{webhook.id}/signature?delivery={delivery.id}").text)
    assert f"webhook-id: {delivery.event.public_id}" in filled["headers"]
    assert filled["body"] == "{\n}", "of the last attempt"
    filled["body"] = filled["body"].replace("\n", "\r\n")  # as browsers do
    assert ("success", "The signature fits") in verdicts(admin, webhook, **filled)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"webhook-id: .*", "webhook-id: evt_other"),
        (r"webhook-timestamp: .*", "webhook-timestamp: 1"),
        (r"webhook-timestamp: .*", "webhook-timestamp: soon"),
        (r"webhook-signature: .*", "webhook-signature: v1,AAAA"),
        (r"webhook-signature: .*", "webhook-signature: rubbish"),
    ],
)
def test_a_changed_header_is_named_and_no_secret_is_suspected(admin: FlaskClient, old: str, new: str) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    attempted(delivery)
    filled = fields_of(admin.get(f"/admin/webhooks/{webhook.id}/signature?delivery={delivery.id}").text)
    filled["headers"] = re.sub(rf"(?m)^{old}$", new, filled["headers"])
    text = admin.post(f"/admin/webhooks/{webhook.id}/signature", data=filled).text
    name, _, value = new.partition(": ")
    assert re.search(rf"{name} differs from what was sent. Sent: .*. Here: {value}\.", text)
    assert "replaced meanwhile" not in text


def test_a_replay_from_another_environment_is_compared_too(admin: FlaskClient) -> None:
    event, webhook = make_event(), make_webhook(environment="staging")
    delivery = Delivery(
        event_id=event.id, webhook_id=webhook.id, event_type=event.type, environment="staging", trigger="replay"
    )
    db.session.add(delivery)
    db.session.commit()
    attempted(delivery)
    filled = fields_of(admin.get(f"/admin/webhooks/{webhook.id}/signature?delivery={delivery.id}").text)
    filled["body"] += " x"
    text = admin.post(f"/admin/webhooks/{webhook.id}/signature", data=filled).text
    assert "The body differs from the" in text


def test_a_wrong_secret_is_told_that_the_stored_one_fits(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    attempted(delivery)
    filled = fields_of(admin.get(f"/admin/webhooks/{webhook.id}/signature?delivery={delivery.id}").text)
    text = admin.post(f"/admin/webhooks/{webhook.id}/signature", data=filled | {"secret": secret_box.generate()}).text
    assert "The stored secret fits." in text
    assert webhook.secret not in text


def test_a_webhook_whose_secret_is_lost_has_no_stored_one_to_compare_with(admin: FlaskClient) -> None:
    webhook = make_unreadable_webhook(older_secrets=[older_secret(timedelta(hours=1))])
    typed = {"headers": "webhook-id: evt_1\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA", "body": "{}"}
    titles = [title for _, title in verdicts(admin, webhook, **typed, secret=secret_box.generate())]
    assert "The signature doesn't fit" in titles
    assert "The typed secret is not the stored one" not in titles


def test_the_time_of_the_request_is_shown_as_on_other_pages(admin: FlaskClient) -> None:
    webhook, at = make_webhook(), int(utcnow().timestamp()) - 4_038
    headers = f"webhook-id: evt_1\nwebhook-timestamp: {at}\nwebhook-signature: v1,AAAA"
    text = admin.post(f"/admin/webhooks/{webhook.id}/signature", data={"headers": headers, "body": "{}"}).text
    assert re.search(r"The request was signed <time [^>]*data-local[^>]*>1 hour ago</time>\.", text)


def test_the_own_body_of_an_attempt_is_filled_in(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    attempted(delivery, request_body=b'{"other":1}')
    filled = fields_of(admin.get(f"/admin/webhooks/{webhook.id}/signature?delivery={delivery.id}").text)
    assert filled["body"] == '{"other":1}'
    assert "Content-Length: 11" in filled["headers"]


def test_a_delivery_of_another_webhook_fills_in_nothing(admin: FlaskClient) -> None:
    delivery = make_delivery()
    attempted(delivery)
    page = admin.get(f"/admin/webhooks/{make_webhook().id}/signature?delivery={delivery.id}")
    assert fields_of(page.text) == {"headers": "", "body": ""}


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "[" * 100_000},
        {"body": '{"a":"\\ud800"}'},
        {"computed": "Größe"},
        {"headers": "webhook-id: ü\nwebhook-timestamp: ²\nwebhook-signature: v1,ü"},
        {"headers": "webhook-id: \0\nwebhook-timestamp: \0\nwebhook-signature: v1,\0"},
        {"secret": "whsec_ü"},
    ],
)
def test_what_nobody_signed_is_invalid_and_no_error(admin: FlaskClient, fields: dict[str, str]) -> None:
    typed = {"headers": "webhook-id: evt_1\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA", "body": "{}"}
    assert "failed" in dict(verdicts(admin, make_webhook(), **typed | fields))


@pytest.mark.parametrize("headers", ["", " \r\n"])
def test_an_empty_form_asks_for_the_headers(admin: FlaskClient, headers: str) -> None:
    assert verdicts(admin, make_webhook(), headers=headers) == [("pending", "Paste the headers")]


def test_a_stored_secret_that_is_lost_is_told_and_a_typed_one_is_used(admin: FlaskClient) -> None:
    webhook, secret, body = make_unreadable_webhook(), secret_box.generate(), b'{"a":1}'
    now = int(utcnow().timestamp())
    made = headers("evt_1", "t", "production", body, timestamp=now, attempt=1, keys=[secret_box.key_bytes(secret)])
    typed = {"headers": header_lines(made), "body": body.decode()}
    assert verdicts(admin, webhook, **typed) == [("failed", "The stored secret can't be read")]
    assert ("success", "The signature fits") in verdicts(admin, webhook, **typed, secret=secret)
