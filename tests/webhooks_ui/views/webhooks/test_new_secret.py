"""A new secret that is chosen in the form."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook, older_secret
from webhooks_ui.database import db
from webhooks_ui.models import Webhook, secret_box


def save(admin: FlaskClient, webhook: Webhook, **fields: str) -> TestResponse:
    form = {
        "name": "Saved",
        "url": "https://93.184.215.14/in",
        "environment": webhook.environment,
        "events": "license.created",
        "version": str(webhook.version),
    }
    return admin.post(f"/admin/webhooks/{webhook.id}/edit", data=form | fields)


def again(webhook: Webhook) -> Webhook:
    db.session.expire_all()
    return db.session.get_one(Webhook, webhook.id)


@pytest.mark.parametrize(("hours", "older"), [("24", 1), ("0", 0)])
def test_a_new_secret_is_generated_and_shown_once(admin: FlaskClient, hours: str, older: int) -> None:
    webhook = make_webhook()
    secret = webhook.secret
    assert save(admin, webhook, new_secret=hours).status_code == 303
    new = again(webhook).secret
    assert new != secret
    assert len(again(webhook).secrets_in_grace) == older
    assert new in admin.get(f"/admin/webhooks/{webhook.id}").text
    assert new not in admin.get(f"/admin/webhooks/{webhook.id}").text


@pytest.mark.parametrize("fields", [{}, {"new_secret": ""}])
def test_else_the_secret_stays(admin: FlaskClient, fields: dict[str, str]) -> None:
    webhook = make_webhook()
    secret = webhook.secret
    assert save(admin, webhook, **fields).status_code == 303
    assert (again(webhook).secret, again(webhook).name) == (secret, "Saved")


def test_wrong_choices_name_the_field_and_save_nothing(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Before", older_secrets=[older_secret(timedelta(hours=3)) for _ in range(3)])
    secret = webhook.secret
    for fields, text in (
        ({"new_secret": "7"}, "The field new_secret must be 24 or 0"),
        ({"new_secret": "24", "secret": secret_box.generate()}, "Only one can be new."),
        ({"new_secret": "24"}, "older secrets"),
    ):
        answer = save(admin, webhook, **fields)
        assert answer.status_code == 422
        assert text in answer.text, text
        assert 'id="new_secret-error"' in answer.text
        assert (again(webhook).secret, again(webhook).name) == (secret, "Before")


def test_a_typed_secret_still_replaces_the_old_one_at_once(admin: FlaskClient) -> None:
    webhook, mine = make_webhook(), secret_box.generate()
    assert save(admin, webhook, secret=mine).status_code == 303
    assert again(webhook).secret == mine
    assert again(webhook).secrets_in_grace == []
