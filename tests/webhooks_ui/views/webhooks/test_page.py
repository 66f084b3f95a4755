"""The webhook's page: its secret, test events, and the end of it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from tests.support.log_rows import add_attempt, settle
from webhooks_ui.database import db
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import (
    AuditEntry,
    Delivery,
    DeliveryStatus,
    DeliveryTrigger,
    Event,
    Webhook,
    set_settings,
    utcnow,
)
from webhooks_ui.web.template_helpers import pretty_json

HTMX = {"HX-Request": "true"}


def reloaded(webhook: Webhook) -> Webhook:
    return db.session.get_one(Webhook, webhook.id, populate_existing=True)


def actions() -> list[str]:
    return list(db.session.scalars(db.select(AuditEntry.action).order_by(AuditEntry.id)))


def test_the_page_shows_deliveries_and_events_but_no_secret(admin: FlaskClient) -> None:
    webhook = make_webhook(event_types=["license.activated"])
    delivery = make_delivery(webhook, status="delivered", response_code=204, due_at=None)
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert f"/admin/webhook-deliveries/{delivery.id}" in page
    assert "A license was activated" in page
    assert webhook.secret not in page


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_revealing_the_secret_is_recorded_and_not_cached(admin: FlaskClient, headers: dict[str, str]) -> None:
    webhook = make_webhook()
    answer = admin.get(f"/admin/webhooks/{webhook.id}/secret", headers=headers)
    assert answer.status_code == 200
    assert webhook.secret in answer.text
    assert ("<html" in answer.text) is (not headers)
    assert answer.headers["Cache-Control"] == "no-store"
    assert actions() == ["webhook.secret_revealed"]


def test_a_new_secret_ends_the_old_one_at_once(admin: FlaskClient) -> None:
    webhook = make_webhook()
    old = webhook.secret
    answer = admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "0"})
    assert answer.status_code == 303
    changed = reloaded(webhook)
    assert changed.secret != old
    assert changed.previous_secret_encrypted is None
    assert changed.secret in admin.get(answer.headers["Location"]).text


def test_a_new_secret_lets_the_old_one_live_for_a_day(admin: FlaskClient) -> None:
    webhook = make_webhook()
    old = webhook.secret_encrypted
    answer = admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "24"}, headers=HTMX)
    changed = reloaded(webhook)
    assert changed.secret in answer.text
    assert changed.previous_secret_encrypted == old
    assert changed.previous_secret_expires_at is not None
    left = changed.previous_secret_expires_at - utcnow()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert entry.action == "webhook.secret_replaced"
    assert changed.secret not in str(entry.after)


@pytest.mark.parametrize("hours", ["1", "-1", "abc", "24.0"])
def test_no_other_grace_is_offered(admin: FlaskClient, hours: str) -> None:
    webhook = make_webhook()
    assert admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": hours}).status_code == 422
    assert reloaded(webhook).version == 1


@pytest.mark.parametrize("active", [True, False])
def test_a_test_event_is_always_sent_and_logged(admin: FlaskClient, active: bool) -> None:
    webhook = make_webhook(active=active)
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "telemetry.flagged"})
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/admin/webhook-deliveries/{delivery.id}"
    assert (delivery.webhook_id, delivery.trigger, delivery.forced) == (webhook.id, DeliveryTrigger.TEST, True)
    assert b'"bypassed_activation"' in db.session.scalars(db.select(Event)).one().body
    assert actions() == ["webhook.tested"]


def test_htmx_is_told_of_the_test_and_where_it_is_logged(admin: FlaskClient) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "license.created"}, headers=HTMX)
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert answer.status_code == 200
    assert f"/admin/webhook-deliveries/{delivery.id}" in answer.text
    assert f'hx-get="/admin/webhooks/{webhook.id}/test/{delivery.id}"' in answer.text


def test_a_test_that_was_cancelled_says_so(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook, status="cancelled", due_at=None)
    assert "cancelled before it was sent" in admin.get(f"/admin/webhooks/{webhook.id}/test/{delivery.id}").text


EXAMPLE = pretty_json(EVENT_TYPES["license.created"].example)


@pytest.mark.parametrize(
    ("data", "load", "kept"),
    [
        (EXAMPLE, "unless-edited", False),
        (EXAMPLE.replace("\n", "\r\n"), "unless-edited", False),
        (" ", "unless-edited", False),
        ('{"mine": 1}', "unless-edited", True),
        ("{broken", "unless-edited", True),
        ('{"mine": 1}', "example", False),
    ],
)
def test_another_type_brings_its_example_unless_the_data_was_edited(
    admin: FlaskClient, data: str, load: str, kept: bool
) -> None:
    webhook = make_webhook()
    form = {"type": "contract.created", "data": data, "load": load}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data=form)
    assert answer.status_code == 200
    assert ("license_quota" not in answer.text) is kept
    assert ("Your own data" in answer.text) is kept
    assert db.session.scalars(db.select(Delivery)).first() is None


def test_a_test_event_may_carry_other_data(admin: FlaskClient) -> None:
    webhook = make_webhook()
    admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "license.created", "data": '{"mine": [1]}'})
    assert b'"data":{"mine":[1]}' in db.session.scalars(db.select(Event)).one().body


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose an event type"),
        ({"type": "license.eaten"}, "Choose an event type"),
        ({"type": "license.created", "data": "{\n  broken"}, "at line 2, column 3"),
        ({"type": "license.eaten", "load": "example"}, "Choose an event type"),
        ({"type": "license.created", "data": "[1]"}, "The data is an object"),
        ({"type": "license.created", "data": '{"a": NaN}'}, "NaN is not JSON"),
        ({"type": "license.created", "data": '{"a": "' + "x" * 300_000 + '"}'}, "262,144 are allowed"),
        ({"type": "license.created", "data": "[" * 50_000}, "nested too deeply"),
    ],
)
def test_a_wrong_test_event_is_refused_and_kept(admin: FlaskClient, fields: dict[str, str], sentence: str) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/test", data=fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert fields.get("data", "")[:100].replace('"', "&#34;") in answer.text
    assert db.session.scalars(db.select(Delivery)).first() is None
    assert actions() == []


def test_the_test_page_shows_the_example_of_the_chosen_type(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = admin.get(f"/admin/webhooks/{webhook.id}/test?type=contract.created").text
    assert "license_quota" in page
    assert "subscribed to it" in page
    assert "license_key" in admin.get(f"/admin/webhooks/{webhook.id}/test?type=nonsense").text


def test_deleting_asks_first_and_says_what_waits(admin: FlaskClient) -> None:
    webhook = make_webhook()
    make_delivery(webhook)
    page = admin.get(f"/admin/webhooks/{webhook.id}/delete").text
    assert "1 pending delivery is cancelled" in page
    assert reloaded(webhook).deleted_at is None


def test_a_deleted_webhook_is_gone_but_its_log_stays(admin: FlaskClient) -> None:
    webhook = make_webhook()
    waiting, done = make_delivery(webhook), make_delivery(webhook, status="delivered", due_at=None)
    answer = admin.post(f"/admin/webhooks/{webhook.id}/delete")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks")
    assert admin.get(f"/admin/webhooks/{webhook.id}").status_code == 404
    assert admin.post(f"/admin/webhooks/{webhook.id}/delete").status_code == 404
    db.session.expire_all()
    assert (waiting.status, waiting.due_at, waiting.lease_token) == (DeliveryStatus.CANCELLED, None, None)
    assert done.status == DeliveryStatus.DELIVERED
    assert reloaded(webhook).active is False
    assert actions() == ["webhook.deleted"]


def test_a_change_by_an_operator_names_the_operator(sign_in: Callable[[str], FlaskClient]) -> None:
    webhook = make_webhook()
    sign_in("operator").post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.actor, entry.address) == ("operator@example.com", "127.0.0.1")


def test_the_result_of_a_test_is_polled_until_it_is_final(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = make_delivery(webhook)
    address = f"/admin/webhooks/{webhook.id}/test/{delivery.id}"
    assert admin.get(address).status_code == 204
    add_attempt(delivery, response_code=404, response_body=b'{"error": "<b>no such path</b>"}')
    settle(delivery, 404)
    final = admin.get(address).text
    assert "hx-get" not in final
    assert "The endpoint answered 404 Not Found. No such path: check the URL. Look at the response body" in final
    assert "31 ms" in final
    assert "&lt;b&gt;no such path&lt;/b&gt;" in final
    assert f'href="/admin/webhook-deliveries/{delivery.id}"' in final
    assert admin.get(f"/admin/webhooks/{make_webhook().id}/test/{delivery.id}").status_code == 404


def test_the_page_says_why_a_webhook_does_not_deliver(admin: FlaskClient) -> None:
    failing = make_webhook(breaker_opened_at=utcnow(), failing_since=utcnow(), consecutive_failures=12)
    disabled = make_webhook(active=False, disabled_at=utcnow(), disabled_reason="The endpoint answered 410 Gone.")
    assert "12 attempts in a row went wrong" in admin.get(f"/admin/webhooks/{failing.id}").text
    assert "The endpoint answered 410 Gone." in admin.get(f"/admin/webhooks/{disabled.id}").text


def test_the_page_says_since_when_a_webhook_is_disabled(admin: FlaskClient) -> None:
    since = utcnow() - timedelta(days=3)
    webhook = make_webhook(active=False, disabled_at=since, disabled_reason="The endpoint answered 410 Gone.")
    overview = admin.get(f"/admin/webhooks/{webhook.id}").text.partition('id="overview"')[2].partition("</section>")[0]
    assert "Disabled automatically</span>" in overview
    assert f'<dt>Since</dt><dd><time datetime="{since:%Y-%m-%dT%H:%M:%SZ}"' in overview


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=23, minutes=59, seconds=30), 'another <b class="nowrap">23 h 59 min</b> (until <time'),
        (timedelta(minutes=5, seconds=30), 'another <b class="nowrap">5 min</b>'),
        (timedelta(seconds=-1), None),
    ],
)
def test_the_page_counts_down_the_grace_of_the_previous_secret(
    admin: FlaskClient, left: timedelta, words: str | None
) -> None:
    webhook = make_webhook(previous_secret_expires_at=utcnow() + left)
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert words in page if words else "The previous secret" not in page


@pytest.mark.parametrize("active", [True, False])
def test_the_switch_of_the_page_comes_back_to_it(admin: FlaskClient, active: bool) -> None:
    webhook = make_webhook(active=active)
    address = f"/admin/webhooks/{webhook.id}?range=7d"
    wanted = "false" if active else "true"
    assert f'name="active" value="{wanted}"' in admin.get(address).text
    headers = {"Referer": f"http://localhost{address}", **HTMX, "HX-Boosted": "true"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": wanted}, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert reloaded(webhook).active is not active


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
    assert "Made inactive" in page
    assert "admin@example.com, <time" in page


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
        "Name Orders → became Bills",
        "Retry schedule as in the settings → became long",
        "Added contract.created Removed license.created",
    ):
        assert words in history
    assert history.index("New secret") < history.index("Edited")
    assert secret not in page
    assert new_secret not in page
    assert f"/admin/audit-log?object_type=webhook&amp;object_id={webhook.id}" in page


def test_a_duplicate_starts_with_all_but_the_secret(admin: FlaskClient) -> None:
    webhook = make_webhook(name="x" * 100, environment="staging", event_types=["contract.created"])
    page = admin.get(f"/admin/webhooks/new?copy={webhook.id}").text
    assert f'value="{"x" * 95} copy"' in page
    assert f'value="{webhook.url}"' in page
    assert re.search('value="contract.created" checked', page)
    assert webhook.secret not in page


@pytest.mark.parametrize(("original", "status"), [("999", 404), ("9" * 30, 404), ("abc", 200), ("-1", 200)])
def test_a_duplicate_of_nothing(admin: FlaskClient, original: str, status: int) -> None:
    assert admin.get(f"/admin/webhooks/new?copy={original}").status_code == status
