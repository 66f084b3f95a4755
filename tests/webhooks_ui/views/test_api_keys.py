"""The pages of API keys."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from tests.support.factories import make_api_key
from tests.support.http import HTMX, form_token
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, AuditEntry, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.models.scope import MEANINGS, READY_CHOICES

SignIn = Callable[[str], FlaskClient]


KEYS = "/admin/api-keys"
WHOLE_KEY = re.compile(r">(km_[^<]+)</textarea>")
FORM = {"name": "Licenses", "environment": "production", "scopes": "events:write"}


def test_a_created_key_is_shown_once_and_kept_as_a_hash(admin: FlaskClient) -> None:
    scopes = ["deliveries:read", "events:write", "events:write"]
    form = {"name": " Licenses ", "environment": "staging", "scopes": scopes, "rate_per_minute": "120"}
    answer = admin.post(KEYS, data=form, follow_redirects=True)
    shown = WHOLE_KEY.search(answer.text)
    assert shown
    text = shown[1]
    key = db.session.scalars(db.select(ApiKey)).one()
    assert (key.digest, key.name, key.environment, key.rate_per_minute) == (digest(text), "Licenses", "staging", 120)
    assert answer.headers["Cache-Control"] == "no-store"
    assert text not in admin.get(KEYS).text
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="api_key.created")).one()
    assert entry.after == {
        "name": "Licenses",
        "environment": "staging",
        "scopes": ["events:write", "deliveries:read"],
        "expires_at": None,
        "rate_per_minute": 120,
    }


def test_the_rate_may_be_left_out(admin: FlaskClient) -> None:
    assert admin.post(KEYS, data=FORM).status_code == 303
    assert db.session.scalars(db.select(ApiKey.rate_per_minute)).one() == 60_000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "Give the key a name"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "a\x00b"}, "contain control characters. Remove them."),
        ({"name": "\u3164"}, "at least one visible character"),
        ({"environment": "moon"}, "Choose an environment: production, staging, development."),
        ({"scopes": ""}, "There is no scope"),
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["events:write", "everything"]}, "There is no scope"),
        ({"last_day": "soon"}, "The last day must be a date, such as 2027-01-31."),
        ({"last_day": "2020-01-31"}, "The last day is over. Choose today or a later day."),
        ({"last_day": "0000-00-00"}, "The last day must be a date"),
        ({"rate_per_minute": "0"}, "Enter a whole number from 1 to 1,000,000."),
        ({"rate_per_minute": "fast"}, "Enter a whole number from 1 to 1,000,000."),
        ({"rate_per_minute": "9" * 5_000}, "Enter a whole number from 1 to 1,000,000."),
    ],
)
def test_a_wrong_field_is_told_and_nothing_is_created(admin: FlaskClient, wrong: dict[str, Any], sentence: str) -> None:
    answer = admin.post(KEYS, data=FORM | wrong)
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
    for page in ("", "/edit", "/revoke"):
        assert admin.get(f"{KEYS}/99{page}").status_code == 404
    for action in ("edit", "revoke", "roll", "older/end"):
        assert admin.post(f"{KEYS}/99/{action}", data={"overlap_hours": "0"}).status_code == 404


def test_no_keys_yet_says_how_to_begin(admin: FlaskClient) -> None:
    assert "No API keys yet" in admin.get(KEYS).text
    make_api_key()
    admin.post("/environment", data={"environment": "staging"})
    assert "No API keys in staging yet" in admin.get(KEYS).text


def reloaded(key: ApiKey) -> ApiKey:
    db.session.expire_all()
    found: ApiKey = db.session.get_one(ApiKey, key.id)
    return found


def actions() -> list[str]:
    return list(db.session.scalars(db.select(AuditEntry.action).order_by(AuditEntry.id)))


def checked(page: str) -> set[str]:
    return set(re.findall(r'name="scopes" value="([a-z:]+)" checked', page))


@pytest.mark.parametrize("ready", READY_CHOICES)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_ready_choice_checks_its_scopes(admin: FlaskClient, ready: str, headers: dict[str, str]) -> None:
    key, _ = make_api_key(scopes=["deliveries:retry"])
    for form in ("new", f"{key.id}/edit"):
        page = admin.get(f"{KEYS}/{form}?ready={ready}", headers=headers).text
        assert checked(page) == set(READY_CHOICES[ready])
        assert ("<html" in page) is (not headers)


def test_the_form_begins_with_the_least_and_ignores_an_unknown_choice(admin: FlaskClient) -> None:
    for query in ("", "?ready=root"):
        assert checked(admin.get(f"{KEYS}/new{query}").text) == {"events:write"}


def test_a_wrong_form_keeps_the_boxes_that_were_checked(admin: FlaskClient) -> None:
    scopes = ["webhooks:read", "deliveries:retry"]
    answer = admin.post(KEYS, data=FORM | {"name": "", "scopes": scopes})
    assert checked(answer.text) == set(scopes)


def test_the_page_of_a_key_says_what_it_may_do_and_nothing_else(admin: FlaskClient) -> None:
    key, _ = make_api_key(scopes=["webhooks:read", "secrets:read"])
    page = admin.get(f"{KEYS}/{key.id}").text
    for scope, meaning in MEANINGS.items():
        assert (meaning in page) is (scope in key.scopes)
    assert "<b>Everything</b>" not in page
    assert "<b>Everything</b>" in admin.get(f"{KEYS}/{make_api_key()[0].id}").text


def test_the_list_tells_scopes_end_and_last_use(admin: FlaskClient) -> None:
    make_api_key(name="All")
    key, _ = make_api_key(
        name="Some", scopes=["webhooks:read", "secrets:read"], expires_at=utcnow() + timedelta(days=3)
    )
    key.last_used_at, key.last_used_from = utcnow(), "203.0.113.7"
    db.session.commit()
    page = admin.get(KEYS).text
    assert "<b>Everything</b>" in page
    assert "webhooks:read, secrets:read" in page
    assert "from 203.0.113.7" in page


def test_a_key_ends_with_its_last_day(admin: FlaskClient) -> None:
    admin.post(KEYS, data=FORM | {"last_day": "2090-01-31"})
    assert db.session.scalars(db.select(ApiKey.expires_at)).one() == datetime(2090, 1, 31, 23, 59, 59, 999_999, UTC)
    key = db.session.scalars(db.select(ApiKey)).one()
    for at, status in (("2090-01-31T23:59:59Z", "active"), ("2090-02-01T00:00:00Z", "expired")):
        with time_machine.travel(at, tick=False):
            assert key.status == status


def test_an_expired_key_says_so(admin: FlaskClient) -> None:
    key, _ = make_api_key(expires_at=utcnow() - timedelta(minutes=1))
    assert "<b>Expired</b>" in admin.get(f"{KEYS}/{key.id}").text
    assert 'data-status="expired"' in admin.get(KEYS).text


def test_a_key_is_narrowed_and_the_change_is_recorded(admin: FlaskClient) -> None:
    end = utcnow() + timedelta(days=3)
    key, _ = make_api_key(expires_at=end)
    page = admin.get(f"{KEYS}/{key.id}/edit").text
    assert f'value="{end:%Y-%m-%d}"' in page
    form = {"name": "Reader", "scopes": "webhooks:read", "rate_per_minute": "60", "last_day": f"{end:%Y-%m-%d}"}
    assert admin.post(f"{KEYS}/{key.id}/edit", data=form | {"environment": "staging"}).status_code == 303
    changed = reloaded(key)
    assert (changed.name, changed.scopes, changed.rate_per_minute) == ("Reader", ["webhooks:read"], 60)
    assert (changed.environment, changed.expires_at) == ("production", end)
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.action, entry.after) == (
        "api_key.updated",
        {"name": "Reader", "scopes": ["webhooks:read"], "rate_per_minute": 60},
    )
    admin.post(f"{KEYS}/{key.id}/edit", data=form)  # nothing changes
    assert actions() == ["api_key.updated"]
    assert admin.post(f"{KEYS}/{key.id}/edit", data=form | {"last_day": ""}).status_code == 303
    assert reloaded(key).expires_at is None


def test_an_expired_key_can_be_renamed_and_get_a_later_end(admin: FlaskClient) -> None:
    end = utcnow() - timedelta(days=3)
    key, _ = make_api_key(expires_at=end)
    form = {"name": "Old", "scopes": "events:write", "rate_per_minute": "60", "last_day": f"{end:%Y-%m-%d}"}
    assert admin.post(f"{KEYS}/{key.id}/edit", data=form).status_code == 303
    assert reloaded(key).expires_at == end
    later = f"{utcnow() + timedelta(days=3):%Y-%m-%d}"
    assert admin.post(f"{KEYS}/{key.id}/edit", data=form | {"last_day": later}).status_code == 303
    assert reloaded(key).status == "active"


def test_editing_without_a_scope_changes_nothing(admin: FlaskClient) -> None:
    key, _ = make_api_key(scopes=["webhooks:read"])
    answer = admin.post(f"{KEYS}/{key.id}/edit", data={"name": "Reader", "rate_per_minute": "60"})
    assert answer.status_code == 422
    assert "Choose at least one scope." in answer.text
    assert reloaded(key).scopes == ["webhooks:read"]


def test_a_revoked_key_is_neither_edited_nor_rolled(admin: FlaskClient) -> None:
    key, _ = make_api_key()
    key.revoked_at = utcnow()
    db.session.commit()
    before = key.digest
    for answer in (
        admin.get(f"{KEYS}/{key.id}/edit", follow_redirects=True),
        admin.post(f"{KEYS}/{key.id}/edit", data=FORM | {"rate_per_minute": "60"}, follow_redirects=True),
        admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": "0"}, follow_redirects=True),
    ):
        assert "was revoked, so it can&#39;t be" in answer.text
    assert reloaded(key).digest == before
    assert actions() == []


def test_rolling_shows_the_new_text_once_and_keeps_the_old_one_for_the_chosen_time(admin: FlaskClient) -> None:
    key, old = make_api_key()
    form = {"overlap_hours": "168", "form_token": form_token(admin.get(f"{KEYS}/{key.id}").text)}
    first, second = (admin.post(f"{KEYS}/{key.id}/roll", data=form) for _ in range(2))
    assert (first.status_code, first.headers["Location"]) == (303, second.headers["Location"])
    page = admin.get(first.headers["Location"]).text
    shown = WHOLE_KEY.search(page)
    assert shown
    changed = reloaded(key)
    assert changed.is_text(shown[1])
    assert changed.older_digest == digest(old)
    assert changed.older_expires_at
    assert timedelta(days=6, hours=23) < changed.older_expires_at - utcnow() <= timedelta(days=7)
    assert "The old text" in page
    assert actions() == ["api_key.rolled"]


def test_rolling_without_an_overlap_ends_the_old_text_and_an_older_one(admin: FlaskClient) -> None:
    key, _ = make_api_key()
    admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": "24"})
    assert reloaded(key).has_older
    assert "The old text above ends at once." in admin.get(f"{KEYS}/{key.id}").text
    admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": "0"})
    assert reloaded(key).older_digest is None


def test_the_old_text_is_ended_early(admin: FlaskClient) -> None:
    key, _ = make_api_key()
    admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": "24"})
    for _ in range(2):
        assert admin.post(f"{KEYS}/{key.id}/older/end").status_code == 303
    assert not reloaded(key).has_older
    assert actions() == ["api_key.rolled", "api_key.older_ended"]


def test_an_expired_key_is_not_rolled(admin: FlaskClient) -> None:
    key, text = make_api_key(expires_at=utcnow() - timedelta(minutes=1))
    answer = admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": "0"}, follow_redirects=True)
    assert "Give it a later end first." in answer.text
    assert reloaded(key).is_text(text)


@pytest.mark.parametrize("hours", ["", "-1", "2", "1e3", "9" * 400, "²"])
def test_no_other_overlap_is_offered(admin: FlaskClient, hours: str) -> None:
    key, _ = make_api_key()
    assert admin.post(f"{KEYS}/{key.id}/roll", data={"overlap_hours": hours}).status_code == 422
    assert actions() == []


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_keys(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(KEYS).status_code == 403


def test_a_form_that_is_sent_twice_makes_one_key_and_both_answers_show_it(admin: FlaskClient) -> None:
    form = FORM | {"form_token": form_token(admin.get(f"{KEYS}/new").text)}
    first, second = (admin.post(KEYS, data=form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert "km_" in admin.get(second.headers["Location"]).text
    assert db.session.scalar(db.select(db.func.count(ApiKey.id))) == 1


def test_who_goes_back_to_the_form_and_types_another_name_makes_another_key(admin: FlaskClient) -> None:
    """Browsers show the same page again, with the same form token."""
    form = FORM | {"form_token": form_token(admin.get(f"{KEYS}/new").text)}
    first, second = (admin.post(KEYS, data=form | {"name": name}) for name in ("First", "Second"))
    assert first.headers["Location"] != second.headers["Location"]
    assert db.session.scalars(db.select(ApiKey.name).order_by(ApiKey.id)).all() == ["First", "Second"]


@pytest.mark.parametrize("minutes", [timedelta(minutes=6), timedelta(minutes=-6)], ids=str)
def test_after_some_minutes_the_key_is_gone_for_good(admin: FlaskClient, minutes: timedelta) -> None:
    address = admin.post(KEYS, data=FORM).headers["Location"]
    with time_machine.travel(utcnow() + minutes):
        answer = admin.get(address, follow_redirects=True)
    assert not WHOLE_KEY.search(answer.text)
    assert "The text of a key is shown only once" in answer.text


def test_a_page_of_one_key_never_shows_another(admin: FlaskClient) -> None:
    address = admin.post(KEYS, data=FORM).headers["Location"]
    other, _ = make_api_key()
    handle = address.rpartition("/")[2]
    assert not WHOLE_KEY.search(admin.get(f"{KEYS}/{other.id}/created/{handle}", follow_redirects=True).text)


def shown(page: str) -> dict[str, Any]:
    """Return what the form that a page shows would send."""
    inputs = (dict(re.findall(r'([a-z-]+)="([^"]*)"', tag)) for tag in re.findall(r"<input [^>]+>", page))
    values = {found["name"]: unescape(found.get("value", "")) for found in inputs if "name" in found}
    fields = {name: values[name] for name in ("seen", "name", "last_day", "rate_per_minute")}
    return fields | {"scopes": re.findall(r'name="scopes" value="([^"]+)" checked', page)}


def test_two_people_change_different_things_of_a_key(admin: FlaskClient) -> None:
    key, _ = make_api_key(scopes=["events:write", "webhooks:read"])
    edit = f"{KEYS}/{key.id}/edit"
    one, other, third = (shown(admin.get(edit).text) for _ in range(3))
    assert admin.post(edit, data=one | {"name": "Portal", "last_day": "2027-01-31"}).status_code == 303
    assert admin.post(edit, data=other | {"scopes": ["events:write"]}).status_code == 303
    assert admin.post(edit, data=third | {"rate_per_minute": "7"}).status_code == 303
    db.session.expire_all()
    assert (key.name, key.scopes, key.rate_per_minute) == ("Portal", ["events:write"], 7)
    assert key.expires_at
    assert f"{key.expires_at:%Y-%m-%d}" == "2027-01-31"


def test_who_changes_what_another_has_just_changed_of_a_key_is_asked(admin: FlaskClient) -> None:
    key, _ = make_api_key(scopes=["events:write", "webhooks:read"])
    edit = f"{KEYS}/{key.id}/edit"
    one, other = (shown(admin.get(edit).text) for _ in range(2))
    admin.post(edit, data=one | {"scopes": ["events:write"]})
    answer = admin.post(edit, data=other | {"scopes": ["deliveries:read", "webhooks:read"], "name": "Portal"})
    assert answer.status_code == 409
    assert "Somebody else changed this to events:write while you were editing." in answer.text
    again = shown(answer.text)
    assert (again["name"], again["scopes"]) == ("Portal", ["webhooks:read", "deliveries:read"])
    db.session.expire_all()
    assert key.scopes == ["events:write"]
    assert admin.post(edit, data=again).status_code == 303
    db.session.expire_all()
    assert (key.name, key.scopes) == ("Portal", ["webhooks:read", "deliveries:read"])
