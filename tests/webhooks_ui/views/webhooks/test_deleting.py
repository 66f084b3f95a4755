"""Deleting one webhook."""

from datetime import timedelta

from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db
from webhooks_ui.models import DeliveryStatus, utcnow


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
    assert recorded_actions() == ["webhook.deleted"]


def test_deleting_one_leads_back_to_the_same_filters_and_page_too(admin: FlaskClient) -> None:
    address, here = f"/admin/webhooks/{make_webhook().id}/delete", "/admin/webhooks?q=hook&page=2"
    page = admin.get(address, headers={"Referer": f"http://localhost{here}"}).text
    assert 'name="next" value="/admin/webhooks?q=hook&amp;page=2"' in page
    assert admin.post(address, data={"next": here}).headers["Location"] == here


def test_an_attempt_that_is_under_way_is_not_cancelled(admin: FlaskClient) -> None:
    webhook = make_webhook()
    soon, before = utcnow() + timedelta(seconds=30), utcnow() - timedelta(seconds=1)
    under_way = make_delivery(webhook, lease_token="a" * 32, due_at=soon)
    left = make_delivery(webhook, lease_token="b" * 32, due_at=before)  # its worker was killed
    assert "1 pending delivery is cancelled" in admin.get(f"/admin/webhooks/{webhook.id}/delete").text
    admin.post(f"/admin/webhooks/{webhook.id}/delete")
    db.session.expire_all()
    assert [under_way.status, left.status] == [DeliveryStatus.PENDING, DeliveryStatus.CANCELLED]
