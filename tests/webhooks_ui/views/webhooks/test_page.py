"""The page of a webhook: what it shows."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import set_settings, utcnow


def test_the_page_shows_deliveries_and_events_but_no_secret(admin: FlaskClient) -> None:
    webhook = make_webhook(event_types=["license.activated"])
    delivery = make_delivery(webhook, status="delivered", response_code=204, due_at=None)
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert f"/admin/webhook-deliveries/{delivery.id}" in page
    assert "A license was activated" in page
    assert webhook.secret not in page


def test_the_page_says_why_a_webhook_does_not_deliver(admin: FlaskClient) -> None:
    failing = make_webhook(breaker_opened_at=utcnow(), failing_since=utcnow(), consecutive_failures=12)
    disabled = make_webhook(active=False, disabled_at=utcnow(), disabled_reason="The endpoint answered 410 Gone.")
    assert "12 attempts in a row failed" in admin.get(f"/admin/webhooks/{failing.id}").text
    assert "The endpoint answered 410 Gone." in admin.get(f"/admin/webhooks/{disabled.id}").text


def test_each_recent_delivery_that_waits_says_what_for(admin: FlaskClient) -> None:
    opened = {"breaker_opened_at": utcnow(), "failing_since": utcnow(), "consecutive_failures": 12}
    failing, probed = make_webhook(**opened), make_webhook(**opened, probe_at=utcnow() + timedelta(minutes=5))
    throttled = make_webhook(throttled_until=utcnow() + timedelta(minutes=5, seconds=30))
    retrying = make_webhook()
    for webhook in (failing, probed, throttled):
        make_delivery(webhook)
    later = utcnow() + timedelta(minutes=5, seconds=30)
    make_delivery(retrying, attempts_count=2, due_at=later, last_attempt_at=utcnow(), outcome="timeout")
    for webhook, words in (
        (failing, "waits for the next probe"),
        (probed, "<span>next probe <time"),
        (throttled, "throttled, goes on <time"),
        (retrying, "2 of 5 attempts"),
    ):
        rows = admin.get(f"/admin/webhooks/{webhook.id}").text.partition('id="recent-rows"')[2].partition("</table>")[0]
        assert words in rows


@pytest.mark.parametrize(("trigger", "label"), [("test", "Test"), ("missed", "Sent later"), ("replay", "Replay")])
def test_each_recent_delivery_that_no_event_triggered_says_so(admin: FlaskClient, trigger: str, label: str) -> None:
    webhook = make_webhook()
    mark = f'<span class="pill">{label}</span>'
    make_delivery(webhook)
    assert mark not in admin.get(f"/admin/webhooks/{webhook.id}").text
    make_delivery(webhook, trigger=trigger)
    assert admin.get(f"/admin/webhooks/{webhook.id}").text.count(mark) == 1


def test_the_page_says_since_when_a_webhook_is_disabled(admin: FlaskClient) -> None:
    since = utcnow() - timedelta(days=3)
    webhook = make_webhook(active=False, disabled_at=since, disabled_reason="The endpoint answered 410 Gone.")
    overview = admin.get(f"/admin/webhooks/{webhook.id}").text.partition('id="overview"')[2].partition("</section>")[0]
    assert "Disabled automatically</span>" in overview
    assert f'<dt>Since</dt><dd><time datetime="{since:%Y-%m-%dT%H:%M:%SZ}"' in overview


def test_the_page_names_the_addresses_that_deliveries_come_from(admin: FlaskClient) -> None:
    address = f"/admin/webhooks/{make_webhook().id}"
    assert "Deliveries come from" not in admin.get(address).text
    set_settings({"outgoing_addresses": ["203.0.113.7", "2001:db8::/32"]})
    db.session.commit()
    page = admin.get(address).text
    assert "Deliveries come from" in page
    assert "203.0.113.7\n2001:db8::/32" in page


def test_the_history_names_who_did_what(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert "Deactivated" in page
    assert "admin@<wbr>example.com, <time" in page


def test_the_history_says_what_each_field_was_and_became(admin: FlaskClient) -> None:
    webhook = make_webhook(event_types=["license.activated", "license.created"])
    secret = webhook.secret
    form = {"name": "Bills", "url": webhook.url, "environment": webhook.environment, "version": "1", "format": "json"}
    events = ["license.activated", "contract.created"]
    new_secret = "whsec_" + "A" * 44
    data = form | {"events": events, "active": "true", "secret": new_secret, "retry_schedule": "long"}
    assert admin.post(f"/admin/webhooks/{webhook.id}/edit", data=data).status_code == 303
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    history = re.sub(r"<[^>]+>|\s+", " ", page.partition('id="history"')[2])
    history = re.sub(" +", " ", history)
    for words in (
        "Name Orders → changed to Bills",
        "Retry schedule same as in Settings → changed to long",
        "Added contract.created Removed license.created",
    ):
        assert words in history
    assert history.index("Secret replaced") < history.index("Edited")
    assert secret not in page
    assert new_secret not in page
    assert f"/admin/audit-log?object_type=webhook&amp;object_id={webhook.id}" in page
