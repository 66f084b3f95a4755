"""The Webhook Secret: revealing it, replacing it, and how long the previous one is valid."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, utcnow


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_revealing_the_secret_is_recorded_and_not_cached(admin: FlaskClient, headers: dict[str, str]) -> None:
    webhook = make_webhook()
    answer = admin.get(f"/admin/webhooks/{webhook.id}/secret", headers=headers)
    assert answer.status_code == 200
    assert webhook.secret in answer.text
    assert ("<html" in answer.text) is (not headers)
    assert answer.headers["Cache-Control"] == "no-store"
    assert recorded_actions() == ["webhook.secret_revealed"]


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
