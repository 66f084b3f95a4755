"""The pages of API keys."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from tests.support.factories import make_api_key
from tests.support.http import form_token
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, AuditEntry, utcnow
from webhooks_ui.models.api_key import digest

SignIn = Callable[[str], FlaskClient]


KEYS = "/admin/api-keys"


def test_a_created_key_is_shown_once_and_kept_as_a_hash(admin: FlaskClient) -> None:
    form = {"name": " Licenses ", "environment": "staging", "rate_per_minute": "120"}
    answer = admin.post(KEYS, data=form, follow_redirects=True)
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
    assert admin.post(KEYS, data={"name": "Licenses", "environment": "production"}).status_code == 303
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


def test_a_form_that_is_sent_twice_makes_one_key_and_both_answers_show_it(admin: FlaskClient) -> None:
    form = {"name": "Licenses", "environment": "production", "form_token": form_token(admin.get(KEYS).text)}
    first, second = (admin.post(KEYS, data=form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert "km_" in admin.get(second.headers["Location"]).text
    assert db.session.scalar(db.select(db.func.count(ApiKey.id))) == 1


def test_after_some_minutes_the_key_is_gone_for_good(admin: FlaskClient) -> None:
    address = admin.post(KEYS, data={"name": "Licenses", "environment": "production"}).headers["Location"]
    with time_machine.travel(utcnow() + timedelta(minutes=6)):
        answer = admin.get(address, follow_redirects=True)
    assert 'value="km_' not in answer.text
    assert "A key is shown only once" in answer.text


def test_a_page_of_one_key_never_shows_another(admin: FlaskClient) -> None:
    address = admin.post(KEYS, data={"name": "One", "environment": "production"}).headers["Location"]
    other, _ = make_api_key()
    handle = address.rpartition("/")[2]
    assert 'value="km_' not in admin.get(f"{KEYS}/{other.id}/created/{handle}", follow_redirects=True).text
