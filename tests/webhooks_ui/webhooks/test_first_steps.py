"""The first steps after a webhook was created."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Webhook, utcnow
from webhooks_ui.webhooks.first_steps import FirstSteps, first_steps


def done(webhook: Webhook) -> list[str]:
    steps = first_steps(webhook)
    assert isinstance(steps, FirstSteps)
    return [name for name, is_done in vars(steps).items() if is_done]


def test_each_step_is_ticked_when_it_happens(admin: FlaskClient) -> None:
    webhook = make_webhook()
    assert done(webhook) == []
    admin.get(f"/admin/webhooks/{webhook.id}/secret")
    assert done(webhook) == ["secret"]
    settle(add_delivery(webhook, trigger="test"), 500)
    assert done(webhook) == ["secret", "tested", "reached"]
    settle(add_delivery(webhook, trigger="test"), 200)
    assert done(webhook) == ["secret", "tested", "answered", "reached"]
    settle(add_delivery(webhook), 200)
    assert done(webhook) == ["secret", "tested", "answered", "real", "reached"]


@pytest.mark.usefixtures("app")
def test_a_delivery_that_reached_nobody_ticks_nothing_but_the_test() -> None:
    webhook = make_webhook()
    settle(add_delivery(webhook, trigger="test"), status="failed", response_code=None, outcome="timeout")
    assert done(webhook) == ["tested"]


def test_copying_is_noted_once(admin: FlaskClient) -> None:
    webhook = make_webhook()
    for _ in range(2):
        assert admin.post(f"/admin/webhooks/{webhook.id}/first-steps/secret").status_code == 303
    taken = db.session.scalars(db.select(AuditEntry.action).filter_by(object_id=webhook.id)).all()
    assert taken.count("webhook.secret_copied") == 1
    assert done(webhook) == ["secret"]


def test_a_poll_gets_the_list_only_if_something_was_ticked(admin: FlaskClient) -> None:
    webhook = make_webhook()
    address = f"/admin/webhooks/{webhook.id}/first-steps"
    assert admin.get(f"{address}?seen=00000").status_code == 204
    settle(add_delivery(webhook), 200)
    answer = admin.get(f"{address}?seen=00000")
    assert (answer.status_code, "All done. Events arrive." in answer.text) == (200, True)


def test_an_old_webhook_has_no_first_steps(admin: FlaskClient) -> None:
    webhook = make_webhook(created_at=utcnow() - timedelta(days=15))
    assert first_steps(webhook) is None
    assert "First steps" not in admin.get(f"/admin/webhooks/{webhook.id}").text
    assert admin.get(f"/admin/webhooks/{webhook.id}/first-steps").status_code == 200
