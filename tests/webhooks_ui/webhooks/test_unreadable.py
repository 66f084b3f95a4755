"""A single secret that can't be decrypted shows on its webhook and in a notice, and a new secret repairs it."""

import re
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from jobs.chores.check_secrets import CHECK_SECRETS_SECONDS, check_secrets
from jobs.chores.notice_mail import COLUMNS, Told, subject, text
from jobs.look import look
from jobs.scheduler import make_cron
from tests.support.factories import (
    lost_secret,
    make_api_key,
    make_delivery,
    make_unreadable_webhook,
    make_webhook,
    older_secret,
)
from tests.support.http import HTMX
from tests.webhooks_ui.api.conftest import Api
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db
from webhooks_ui.models import Webhook, secret_box, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.unreadable import unreadable_ids

HOUR = timedelta(hours=1)


def test_the_chore_marks_what_is_lost_and_what_is_back(app: Flask) -> None:
    key = Fernet.generate_key().decode()
    make_webhook()
    webhook = make_webhook(active=False)
    webhook.secret_encrypted = Fernet(key).encrypt(b"whsec_lost").decode()
    make_unreadable_webhook(deleted_at=utcnow())
    db.session.commit()
    check_secrets()
    assert unreadable_ids() == [webhook.id]
    since = reloaded(webhook).unreadable_at
    check_secrets()
    assert reloaded(webhook).unreadable_at == since
    app.config["ENCRYPTION_KEYS"] = [*app.config["ENCRYPTION_KEYS"], key]
    check_secrets()
    assert unreadable_ids() == []


def test_the_chore_runs_every_few_seconds(app: Flask) -> None:
    jobs = {job.func_name: job for job in make_cron(app.extensions["redis"]).get_jobs()}
    assert jobs["jobs.chores.check_secrets.check_secrets"].interval == CHECK_SECRETS_SECONDS


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_its_pages_say_so_and_none_fails(admin: FlaskClient, headers: dict[str, str]) -> None:
    webhook = make_unreadable_webhook()
    check_secrets()
    page = f"/admin/webhooks/{webhook.id}"
    assert "<b>The secret can't be decrypted.</b>" in admin.get(page).text
    revealed = admin.get(f"{page}/secret", headers=headers)
    assert revealed.status_code == 200
    assert "The secret can't be decrypted" in revealed.text
    assert recorded_actions() == []
    for rest in ("/edit", "/test", "/delete", "/recoveries"):
        assert admin.get(page + rest).status_code == 200
    assert "The secret can't be decrypted" in admin.get("/admin/webhooks", headers=headers).text


def test_a_notice_says_so_until_it_is_repaired(admin: FlaskClient) -> None:
    webhook = make_unreadable_webhook()
    check_secrets()
    assert "1 webhook needs attention" in admin.get("/admin/webhooks").text
    assert "The secret can't be decrypted, so deliveries wait." in admin.get("/admin/notices").text
    admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "0"})
    assert "No problems" in admin.get("/admin/notices").text
    assert unreadable_ids() == []


@pytest.mark.parametrize("hours", ["0", "24"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_generating_a_secret_repairs_it(admin: FlaskClient, hours: str, headers: dict[str, str]) -> None:
    webhook = make_unreadable_webhook()
    webhook.older_secrets = [older_secret(HOUR) | {"secret_encrypted": lost_secret()}, older_secret(HOUR)]
    db.session.commit()
    kept = webhook.older_secrets[1]
    answer = admin.post(
        f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": hours}, headers=headers, follow_redirects=True
    )
    assert "The old secret has expired." in answer.text  # nothing could be signed with it
    changed = reloaded(webhook)
    assert changed.is_readable
    assert changed.older_secrets == [kept]
    assert changed.secret in answer.text


def test_pasting_a_secret_repairs_it(admin: FlaskClient) -> None:
    webhook, secret = make_unreadable_webhook(), secret_box.generate()
    page = admin.get(f"/admin/webhooks/{webhook.id}/edit").text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    form = {
        "name": webhook.name,
        "url": "https://93.184.215.14/",
        "environment": webhook.environment,
        "events": webhook.event_types,
    }
    answer = admin.post(
        f"/admin/webhooks/{webhook.id}/edit", data=form | {"secret": secret, "version": version[1], "active": "true"}
    )
    assert answer.status_code == 303
    assert reloaded(webhook).secret == secret


def test_the_api_says_so_and_repairs_it(app: Flask) -> None:
    api = Api(app.test_client(), make_api_key()[1])
    for repair in ("paste", "generate"):
        path = f"/webhooks/{make_unreadable_webhook().id}"
        assert api.get(path).status_code == 200
        answer = api.get(f"{path}/secret")
        assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
        assert "Replace it: POST to this address." in answer.get_json()["detail"]
        if repair == "paste":
            assert api.patch(path, json={"secret": secret_box.generate()}).status_code == 200
        else:
            assert api.post(f"{path}/secret", json={"grace_hours": 5}).get_json()["older_secrets"] == []
        assert api.get(f"{path}/secret").status_code == 200


def test_its_deliveries_wait_and_go_out_after_the_repair(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    webhook = make_unreadable_webhook()
    make_delivery(webhook)

    def found() -> set[int]:
        with db.engine.connect() as connection:
            return set(look(connection, utcnow()).open)

    assert [found(), found()] == [set(), set()]
    assert len(caplog.messages) == 1, "the log repeats itself"
    assert f"The secret of webhook {webhook.id} can't be decrypted" in caplog.text
    changes.replace_secret(webhook, secret_box.generate(), 0)
    db.session.commit()
    assert found() == {webhook.id}


def test_an_older_secret_that_is_lost_stops_nothing(app: Flask, admin: FlaskClient) -> None:
    lost = older_secret(HOUR) | {"secret_encrypted": lost_secret()}
    webhook = make_webhook(older_secrets=[lost])
    make_delivery(webhook)
    with db.engine.connect() as connection:
        (target,) = look(connection, utcnow()).open.values()
    assert target.keys == (secret_box.key_bytes(webhook.secret),)
    assert "It can't be decrypted, so nothing is signed with it." in admin.get(f"/admin/webhooks/{webhook.id}").text


def test_admins_get_a_mail_about_it(app: Flask) -> None:
    webhook = make_unreadable_webhook()
    check_secrets()
    rows = [Told(*row) for row in db.session.execute(db.select(*COLUMNS).where(Webhook.id == webhook.id))]
    assert subject(rows) == "Orders has a secret that can't be decrypted"
    lines = text(rows, "https://portal.example.com").splitlines()
    assert any(line.startswith("  Secret: can't be decrypted since ") for line in lines)
    assert "Status" not in "".join(lines)


def test_the_page_of_a_new_api_key_survives_a_lost_key(app: Flask, admin: FlaskClient) -> None:
    form = {"name": "Shop", "environment": "production", "scopes": "events:write"}
    address = admin.post("/admin/api-keys", data=form).headers["Location"]
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    assert "The text of a key is shown only once" in admin.get(address, follow_redirects=True).text
