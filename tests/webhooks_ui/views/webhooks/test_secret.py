"""The Webhook Secret: revealing it, replacing it, and how long the previous one is valid."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook, older_secret
from tests.support.http import HTMX, form_token
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, secret_box, utcnow


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
    assert changed.older_secrets == []
    assert changed.secret in admin.get(answer.headers["Location"]).text


def test_a_copied_cookie_shows_no_secret_that_somebody_else_has_set(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "0"}).headers["Location"]
    copied = admin.get_cookie("session")
    assert copied is not None
    own = reloaded(webhook).secret
    assert own in admin.get(page).text
    webhook.secret = secret_box.generate()
    db.session.commit()
    admin.set_cookie("session", copied.value)
    text = admin.get(page).text
    assert own not in text
    assert reloaded(webhook).secret not in text


def test_a_new_secret_lets_the_old_one_live_for_a_day(admin: FlaskClient) -> None:
    webhook = make_webhook()
    old = webhook.secret_encrypted
    answer = admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "24"}, headers=HTMX)
    changed = reloaded(webhook)
    assert changed.secret in answer.text
    (older,) = changed.older_secrets
    assert older["secret_encrypted"] == old
    left = changed.secrets_in_grace[0].expires_at - utcnow()
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
        (timedelta(hours=23, minutes=59, seconds=30), 'expires in <b class="nowrap">23 h 59 min</b> (at <time'),
        (timedelta(minutes=5, seconds=30), 'expires in <b class="nowrap">5 min</b>'),
        (timedelta(seconds=-1), None),
    ],
)
def test_the_page_counts_down_the_grace_of_an_older_secret(
    admin: FlaskClient, left: timedelta, words: str | None
) -> None:
    webhook = make_webhook(older_secrets=[older_secret(left)])
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    assert words in page if words else "older secret" not in page


def test_generating_twice_keeps_the_secret_that_receivers_have(admin: FlaskClient) -> None:
    webhook = make_webhook()
    first = webhook.secret_encrypted
    for _ in range(2):
        admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "24"})
    assert [older["secret_encrypted"] for older in reloaded(webhook).older_secrets][-1] == first
    assert admin.get(f"/admin/webhooks/{webhook.id}").text.count("End now") == 2


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_that_is_sent_twice_generates_one_secret_and_both_answers_show_it(
    admin: FlaskClient, headers: dict[str, str]
) -> None:
    webhook = make_webhook()
    first, page = webhook.secret_encrypted, f"/admin/webhooks/{webhook.id}"
    form = {"grace_hours": "24", "form_token": form_token(admin.get(page).text)}
    before = admin.get_cookie("session")
    assert before is not None
    admin.post(f"{page}/secret", data=form, headers=headers)
    admin.set_cookie("session", before.value)  # a browser that sends again takes nothing from the first answer
    answer = admin.post(f"{page}/secret", data=form, headers=headers)
    changed = reloaded(webhook)
    assert [older["secret_encrypted"] for older in changed.older_secrets] == [first]
    assert changed.secret in admin.get(answer.headers.get("HX-Redirect") or answer.headers["Location"]).text
    assert changed.secret not in admin.get(page).text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_fourth_secret_in_grace_is_refused_with_the_reason(admin: FlaskClient, headers: dict[str, str]) -> None:
    webhook = make_webhook(older_secrets=[older_secret(timedelta(hours=hours)) for hours in (3, 2, 1)])
    address = f"/admin/webhooks/{webhook.id}/secret"
    answer = admin.post(address, data={"grace_hours": "24"}, headers=headers, follow_redirects=True)
    assert "End one of them first" in answer.text
    assert reloaded(webhook).version == 1
    assert admin.post(address, data={"grace_hours": "0"}, headers=headers).status_code in (200, 303)
    assert len(reloaded(webhook).older_secrets) == 3


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_older_secret_is_ended_and_that_is_recorded(admin: FlaskClient, headers: dict[str, str]) -> None:
    ended, kept = older_secret(timedelta(hours=2)), older_secret(timedelta(hours=1))
    webhook = make_webhook(older_secrets=[ended, kept])
    address = f"/admin/webhooks/{webhook.id}/older-secrets/{ended['id']}/end"
    answer = admin.post(address, headers=headers, follow_redirects=True)
    assert "The older secret has expired" in answer.text
    assert reloaded(webhook).older_secrets == [kept]
    assert recorded_actions() == ["webhook.secret_ended"]
    again = admin.post(address, headers=headers, follow_redirects=True)
    assert "Nothing was changed: this older secret has ended before" in again.text
    assert "The older secret has expired" not in again.text
    assert reloaded(webhook).older_secrets == [kept]
    assert recorded_actions() == ["webhook.secret_ended"]
