"""Retries of one delivery."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db, writing
from webhooks_ui.database import redis as redis_client
from webhooks_ui.deliveries import changes
from webhooks_ui.models import AuditEntry, Delivery, utcnow
from webhooks_ui.models.delivery import ONE_MORE

LOG = "/admin/webhook-deliveries"


def retry(client: FlaskClient, delivery: Delivery, headers: dict[str, str] | None = None, **form: int) -> TestResponse:
    return client.post(f"{LOG}/{delivery.id}/retries", data=form, headers=headers)


def fresh(delivery: Delivery) -> Delivery:
    db.session.expire_all()
    return db.session.get_one(Delivery, delivery.id)


@pytest.mark.parametrize("code", [500, 200])
def test_a_final_delivery_gets_one_attempt_more(admin: FlaskClient, code: int) -> None:
    delivery = settle(add_delivery(), code, attempts_count=5, give_up_at=utcnow())
    answer = retry(admin, delivery)
    assert (answer.status_code, answer.location) == (303, f"{LOG}/{delivery.id}")
    delivery = fresh(delivery)
    assert (delivery.status, delivery.forced, delivery.attempts_allowed) == ("pending", True, 6)
    assert delivery.give_up_at is None
    assert delivery.due_at is not None
    assert delivery.due_at <= utcnow()
    assert "Queued for one more attempt." in admin.get(answer.location).text


def test_a_cancelled_delivery_can_be_sent_after_all(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500, status="cancelled", attempts_count=0)
    retry(admin, delivery)
    assert (fresh(delivery).status, fresh(delivery).attempts_allowed) == ("pending", 1)


def test_a_pending_delivery_is_due_at_once_and_keeps_its_schedule(admin: FlaskClient) -> None:
    delivery = add_delivery(attempts_count=2, due_at=utcnow().replace(year=2099))
    retry(admin, delivery)
    delivery = fresh(delivery)
    assert (delivery.status, delivery.forced, delivery.attempts_allowed) == ("pending", True, ONE_MORE)
    assert "2 of 6 attempts" in admin.get("/admin/webhook-deliveries").text
    assert delivery.due_at is not None
    assert delivery.due_at <= utcnow()


def test_an_attempt_under_way_is_left_alone(admin: FlaskClient) -> None:
    end = utcnow().replace(year=2099)
    delivery = add_delivery(lease_token="held", due_at=end)
    answer = retry(admin, delivery, headers=HTMX)
    assert answer.status_code == 200
    assert "an attempt is in progress" in answer.text
    assert (fresh(delivery).due_at, fresh(delivery).forced) == (end, False)


def test_a_second_click_is_no_second_retry(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500, attempts_count=5)
    retry(admin, delivery, attempts=5)
    settle(fresh(delivery), 500, attempts_count=6, forced=False)
    answer = retry(admin, delivery, headers=HTMX, attempts=5)
    assert "there was another attempt since" in answer.text
    assert fresh(delivery).status == "failed"


@pytest.mark.parametrize("attempts", ["", "x", "-1", "5.0", str(2**63 - 1)])
def test_a_number_of_attempts_that_is_none_is_refused(admin: FlaskClient, attempts: str) -> None:
    delivery = settle(add_delivery(), 500, attempts_count=5)
    answer = admin.post(f"{LOG}/{delivery.id}/retries", data={"attempts": attempts})
    assert answer.status_code == 422
    assert "The field attempts must be the number that the page shows. Reload the page and retry." in answer.text
    assert fresh(delivery).status == "failed"


def test_a_deleted_webhook_gets_nothing_more(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500)
    delivery.webhook.deleted_at = utcnow()
    db.session.commit()
    answer = retry(admin, delivery)
    assert answer.status_code == 303
    assert "its webhook was deleted" in admin.get(answer.location).text
    assert fresh(delivery).status == "failed"


def test_a_webhook_of_another_environment_gets_nothing_more(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    delivery.webhook.environment = "staging"
    db.session.commit()
    answer = retry(admin, delivery)
    assert answer.status_code == 303
    assert "Not retried: its webhook gets events of staging now." in admin.get(answer.location).text
    assert fresh(delivery).status == "delivered"
    for page in ("", "/retries"):
        text = admin.get(f"{LOG}/{delivery.id}{page}").text
        assert "The webhook gets events of staging now" in text
        assert 'method="post" action="/admin/webhook-deliveries' not in text
    settle(fresh(delivery), 500)
    for page in ("", f"/{delivery.id}"):
        text = admin.get(f"{LOG}{page}").text
        assert f"{LOG}/{delivery.id}" in text
        assert f'action="{LOG}/{delivery.id}/retries"' not in text
        assert "Retry all that failed since" not in text


def test_htmx_gets_back_what_it_changed(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500)
    in_list = retry(admin, delivery, headers=HTMX | {"HX-Target": f"delivery-{delivery.id}"})
    assert in_list.text.lstrip().startswith(f'<tr id="delivery-{delivery.id}"')
    assert 'hx-swap-oob="innerHTML"' in in_list.text
    on_page = retry(admin, delivery, headers=HTMX | {"HX-Target": "delivery"})
    assert on_page.text.lstrip().startswith('<div id="delivery"')


def test_a_retry_is_in_the_audit_log(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500)
    retry(admin, delivery)
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="delivery.retried")).one()
    assert (entry.actor, entry.object_id) == ("admin@example.com", delivery.id)


def test_the_audit_log_calls_it_resent_if_it_had_arrived(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    retry(admin, delivery)
    assert db.session.scalars(db.select(AuditEntry.action).filter_by(object_type="delivery")).all() == [
        "delivery.resent"
    ]
    assert "Resent" in admin.get("/admin/audit-log?action=delivery.resent").text.partition("<tbody>")[2]


def test_a_retry_wakes_a_worker(admin: FlaskClient, app: Flask) -> None:
    delivery = settle(add_delivery(), 500)
    app.extensions["redis"].flushall()
    retry(admin, delivery)
    assert app.extensions["redis"].exists("webhooks:deliver-waiting")


def test_without_redis_a_retry_is_kept_and_says_so(admin: FlaskClient, app: Flask, tmp_path: Path) -> None:
    delivery = settle(add_delivery(), 500)
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))
    answer = retry(admin, delivery, headers=HTMX)
    assert "It goes out when Redis is back." in answer.text
    assert fresh(delivery).status == "pending"


def test_an_unknown_delivery_is_a_404(admin: FlaskClient) -> None:
    assert admin.post(f"{LOG}/999/retries").status_code == 404


def test_resending_many_answers_with_those_that_it_changed(app: Flask) -> None:
    failed, held = settle(add_delivery(), 500), add_delivery(lease_token="held", due_at=utcnow() + timedelta(seconds=7))
    with writing():
        assert changes.retry([failed.id, held.id, 999]) == [failed.id]
        assert changes.retry([]) == []


def test_a_delivery_that_has_arrived_is_sent_again_after_a_question(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    address = f"/admin/webhook-deliveries/{delivery.id}/retries"
    page = admin.get(f"/admin/webhook-deliveries/{delivery.id}").text
    assert "Resend…" in page
    assert f'action="{address}"' not in page
    question = admin.get(address).text
    assert "Resend this delivery?" in question
    assert "It gets the same event a second time" in question
    assert admin.post(address, data={"attempts": "1"}).status_code == 303
    db.session.expire_all()
    assert db.session.get_one(Delivery, delivery.id).status == "pending"


def test_what_cannot_be_sent_again_is_said_instead_of_asked(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(make_webhook(deleted_at=utcnow())))
    question = admin.get(f"/admin/webhook-deliveries/{delivery.id}/retries").text
    assert "The webhook was deleted" in question
    assert 'method="post" action="/admin/webhook-deliveries' not in question
