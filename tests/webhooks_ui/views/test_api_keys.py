"""The pages of API keys."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_api_key
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, AuditEntry
from webhooks_ui.models.api_key import digest

SignIn = Callable[[str], FlaskClient]


KEYS = "/admin/api-keys"


def test_a_created_key_is_shown_once_and_kept_as_a_hash(admin: FlaskClient) -> None:
    answer = admin.post(KEYS, data={"name": " Licenses ", "environment": "staging", "rate_per_minute": "120"})
    shown = re.search(r'value="(km_[^"]+)"', answer.text)
    assert shown
    text = shown[1]
    key = db.session.scalars(db.select(ApiKey)).one()
    assert (key.digest, key.name, key.environment, key.rate_per_minute) == (digest(text), "Licenses", "staging", 120)
    assert answer.headers["Cache-Control"] == "no-store"
    assert text not in admin.get(KEYS).text
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="api_key.created")).one()
    assert entry.after == {"name": "Licenses", "environment": "staging", "rate_per_minute": 120}


def test_the_rate_may_be_left_out(admin: FlaskClient) -> None:
    assert admin.post(KEYS, data={"name": "Licenses", "environment": "production"}).status_code == 200
    assert db.session.scalars(db.select(ApiKey.rate_per_minute)).one() == 60_000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "Give the key a name"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\x00b"}, "contain control characters. Remove them."),
        ({"environment": "moon"}, "Choose production, staging or development."),
        ({"rate_per_minute": "0"}, "Enter a whole number from 1 to 1,000,000."),
        ({"rate_per_minute": "fast"}, "Enter a whole number from 1 to 1,000,000."),
        ({"rate_per_minute": "9" * 5_000}, "Enter a whole number from 1 to 1,000,000."),
    ],
)
def test_a_wrong_field_is_told_and_nothing_is_created(admin: FlaskClient, wrong: dict[str, str], sentence: str) -> None:
    answer = admin.post(KEYS, data={"name": "Kept", "environment": "production"} | wrong)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert db.session.scalar(db.select(db.func.count(ApiKey.id))) == 0


def test_a_key_is_revoked_after_a_confirmation(admin: FlaskClient) -> None:
    key, _ = make_api_key()
    page = admin.get(f"{KEYS}/{key.id}/revoke").text
    assert "Revoke this key?" in page
    assert admin.post(f"{KEYS}/{key.id}/revoke").status_code == 303
    db.session.expire_all()
    revoked_at = db.session.get_one(ApiKey, key.id).revoked_at
    assert revoked_at
    admin.post(f"{KEYS}/{key.id}/revoke")
    db.session.expire_all()
    assert db.session.get_one(ApiKey, key.id).revoked_at == revoked_at
    assert db.session.scalar(db.select(db.func.count(AuditEntry.id)).filter_by(action="api_key.revoked")) == 1


def test_an_unknown_key_is_a_404(admin: FlaskClient) -> None:
    assert admin.get(f"{KEYS}/99/revoke").status_code == 404
    assert admin.post(f"{KEYS}/99/revoke").status_code == 404


def test_no_keys_yet_says_how_to_begin(admin: FlaskClient) -> None:
    assert "No API keys yet" in admin.get(KEYS).text


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_keys(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(KEYS).status_code == 403
