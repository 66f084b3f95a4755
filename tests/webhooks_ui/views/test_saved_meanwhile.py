"""Two people who save the same form within the same milliseconds: settings, rules, an event type, an API key."""

import html
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Delete, Insert, Update, delete, insert, update
from werkzeug.test import TestResponse

from tests.support.both_databases import database_url
from tests.support.factories import make_api_key, make_delivery, make_event, make_webhook
from tests.support.meanwhile import waits
from tests.support.people import actions, again, code_of, is_signed_in, last_entry, start_session
from tests.support.waiting import wait_for
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.models import (
    ApiKey,
    Delivery,
    Event,
    FilteredList,
    Inspector,
    OneTimeToken,
    OwnEventType,
    SavedFilter,
    SavedPayload,
    Setting,
    User,
    UserSession,
    Webhook,
    get_settings,
    set_settings,
    utcnow,
)
from webhooks_ui.parsing import ID_MAX
from webhooks_ui.people import accounts, saved_filters
from webhooks_ui.webhooks import inspectors, saved_payloads

__all__ = ["database_url"]

SignIn = Callable[[str], FlaskClient]
Form = tuple[str, dict[str, Any], Update | Insert, Callable[[], object]]


def settings() -> Form:
    set_settings({"retention_days": 30, "alert_threshold": 10})
    db.session.commit()
    theirs = update(Setting).where(Setting.name == "retention_days").values(value=7)
    return "/admin/settings/webhooks", {"alert_threshold": "11"}, theirs, lambda: list(get_settings().values())[:3]


def first_settings() -> Form:
    theirs = insert(Setting).values(name="retention_days", value=7)
    return "/admin/settings/webhooks", {"alert_threshold": "11"}, theirs, lambda: list(get_settings().values())[:3]


def event_type() -> Form:
    fields = {"name": "invoice.paid", "description": "Old", "example": {"number": 1}, "check": "off"}
    db.session.execute(insert(OwnEventType).values(fields))
    db.session.commit()
    theirs = update(OwnEventType).values(description="Theirs")
    found = db.select(OwnEventType.description, OwnEventType.example)
    mine = {"example": '{"number": 2}'}
    return "/admin/event-types/invoice.paid/edit", mine, theirs, lambda: [*db.session.execute(found).one()]


def api_key() -> Form:
    key, _ = make_api_key(scopes=["events:write"])
    theirs = update(ApiKey).where(ApiKey.id == key.id).values(name="Theirs")
    found = db.select(ApiKey.name, ApiKey.rate_per_minute).where(ApiKey.id == key.id)
    mine = {"rate_per_minute": "7"}
    return f"/admin/api-keys/{key.id}/edit", mine, theirs, lambda: [*db.session.execute(found).one()]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (settings, [7, "default", 11]),
        (first_settings, [7, "default", 11]),
        (event_type, ["Theirs", '{"number":2}']),
        (api_key, ["Theirs", 7]),
    ],
)
def test_who_saves_while_another_saves_undoes_nothing(
    app: Flask, sign_in: SignIn, form: Callable[[], Form], expected: object
) -> None:
    address, mine, theirs, saved = form()
    client = sign_in("super_admin")
    page = client.get(address).text
    shown = re.search(r'name="seen" value="([^"]*)"', page)
    assert shown
    seen = html.unescape(shown[1])
    fields = json.loads(seen)
    assert send_meanwhile(client, "update", address, {"seen": seen} | fields | mine, theirs) == 303
    assert saved() == expected


def test_who_saves_the_first_rules_while_another_saves_them_replaces_them(app: Flask, sign_in: SignIn) -> None:
    client, rule = sign_in("super_admin"), "second_factor_roles"
    theirs = insert(Setting).values(name=rule, value=["viewer"])
    assert send_meanwhile(client, "update_rules", "/admin/team/rules", {"roles": ["operator"]}, theirs) == 303
    assert get_settings()[rule] == ["operator"]
    entry = last_entry("team.updated")
    assert (entry.before, entry.after) == ({rule: ["viewer"]}, {rule: ["operator"]})


def test_who_joins_while_invited_again_keeps_role_and_password(app: Flask, sign_in: SignIn) -> None:
    client, email = sign_in("super_admin"), "eva@example.com"
    with writing():
        user_id = accounts.invite(email, "viewer")[0].id
    theirs = update(User).where(User.id == user_id).values(joined_at=utcnow())
    assert send_meanwhile(client, "invite", "/admin/team", {"email": email, "role": "admin"}, theirs) == 422
    user = db.session.get_one(User, user_id)
    assert user.role == "viewer"
    tokens_left = db.select(OneTimeToken).where(OneTimeToken.user_id == user_id)
    assert len(db.session.scalars(tokens_left).all()) == 1, "the first invitation, which joining uses up"


def test_what_another_deletes_meanwhile_is_told(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    with writing():
        user_id = db.session.scalars(db.select(User.id)).one()
        saved_id = saved_filters.save(user_id, FilteredList.WEBHOOKS, "Ours", {"health": "failing"}, is_shared=True).id
    theirs = delete(SavedFilter).where(SavedFilter.id == saved_id)
    mine = {"list": "webhooks", "query": "status=active", "name": "Ours", "replace": "1"}
    status = send_meanwhile(client, "create", "/admin/saved-filters", mine, theirs)
    assert status == (303 if db.engine.dialect.name == "sqlite" else 409)


@pytest.mark.parametrize(("view", "end"), [("update", ""), ("delete", "/delete")])
def test_an_inspector_is_deleted_once(app: Flask, sign_in: SignIn, view: str, end: str) -> None:
    client = sign_in("super_admin")
    with writing():
        user_id = db.session.scalars(db.select(User.id)).one()
        inspector_id = inspectors.create(user_id, "Mine").id
    theirs = delete(Inspector).where(Inspector.id == inspector_id)
    mine = {"name": "Other", "code": "500", "delay_seconds": "0", "body": ""}
    assert send_meanwhile(client, view, f"/admin/inspector/{inspector_id}{end}", mine, theirs) == 404
    assert actions("inspector") == ["inspector.created"]


def test_a_shared_filter_is_deleted_once(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    with writing():
        user_id = db.session.scalars(db.select(User.id)).one()
        saved_id = saved_filters.save(user_id, FilteredList.WEBHOOKS, "Ours", {"health": "failing"}, is_shared=True).id
    theirs = delete(SavedFilter).where(SavedFilter.id == saved_id)
    assert send_meanwhile(client, "delete", f"/admin/saved-filters/{saved_id}/delete", {}, theirs) == 404
    assert actions("saved_filter") == ["saved_filter.shared"]


def test_a_saved_payload_is_deleted_once(app: Flask, sign_in: SignIn) -> None:
    client, webhook = sign_in("super_admin"), make_webhook()
    with writing():
        user_id = db.session.scalars(db.select(User.id)).one()
        payload = saved_payloads.save("license.activated", "Ours", "{}", user_id)
        db.session.flush()
        payload_id = payload.id
    address = f"/admin/webhooks/{webhook.id}/test/payloads/{payload_id}/delete"
    theirs = delete(SavedPayload).where(SavedPayload.id == payload_id)
    assert send_meanwhile(client, "delete_payload", address, {}, theirs) == 404
    assert actions("test_payload") == ["test_payload.saved"]


def test_an_event_that_is_purged_while_it_is_sent_is_told(app: Flask, sign_in: SignIn) -> None:
    client, event, webhook = sign_in("admin"), make_event(), make_webhook()
    address, mine, theirs = f"/admin/events/{event.id}/send", {"webhook": str(webhook.id)}, delete(Event)
    assert send_meanwhile(client, "send", address, mine, theirs) == 404


@pytest.mark.parametrize(
    ("view", "address", "status", "told"),
    [
        ("create", "/admin/webhook-deliveries/1/retries", 303, "Not retried: its webhook was deleted."),
        ("send", "/admin/events/1/send", 422, "Choose a webhook from the list."),
        ("create_test", "/admin/webhooks/1/test", 404, "It may have been deleted."),
        ("retry", "/api/v1/deliveries/1/retries", 409, "Not retried: its webhook was deleted."),
        ("test", "/api/v1/webhooks/1/test", 404, "Not Found"),
    ],
)
def test_nothing_is_sent_to_a_webhook_that_is_deleted_meanwhile(
    app: Flask, sign_in: SignIn, view: str, address: str, status: int, told: str
) -> None:
    client, (_, key) = sign_in("admin"), make_api_key()
    make_delivery(status="failed", attempts_count=1)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    mine = {} if "/api/" in address else {"webhook": "1", "type": "license.activated"}
    theirs = update(Webhook).values(deleted_at=utcnow(), active=False)
    answer = answer_meanwhile(client, view, address, mine, theirs)
    assert answer.status_code == status
    assert told in (client.get(answer.headers["Location"]).text if status == 303 else answer.text)
    assert db.session.scalars(db.select(Delivery.status)).all() == ["failed"]


@pytest.mark.parametrize(("view", "end"), [("enable", "authenticator"), ("end_other_sessions", "sessions/end-others")])
def test_a_session_that_is_ended_meanwhile_changes_nothing(app: Flask, sign_in: SignIn, view: str, end: str) -> None:
    client, other = sign_in("admin"), app.test_client()
    user = db.session.scalars(db.select(User)).one()
    client.post("/account/authenticator/new")
    start_session(other, user)
    theirs = delete(UserSession).where(UserSession.id == 1)
    assert send_meanwhile(client, view, f"/account/{end}", {"code": code_of(again(user))}, theirs) == 302
    assert "Your session has ended. Nothing was changed." in client.get("/login").text
    assert not again(user).has_totp
    assert is_signed_in(other)


def test_a_session_is_ended_once(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("admin")
    start_session(app.test_client(), db.session.scalars(db.select(User)).one())
    theirs = delete(UserSession).where(UserSession.id == 2)
    assert send_meanwhile(client, "end_session", "/account/sessions/2/end", {}, theirs) == 303
    assert actions() == []


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, ID_MAX])
def test_a_number_of_attempts_may_be_larger_than_its_column(sign_in: SignIn, number: int) -> None:
    client, delivery = sign_in("admin"), make_delivery()
    address = f"/admin/webhook-deliveries/{delivery.id}"
    assert client.get(f"{address}/attempts/{number}/body").status_code == 404
    page = client.post(f"{address}/retries", data={"attempts": number}, follow_redirects=True).text
    assert "Not retried: there was another attempt since you opened this page." in page


def send_meanwhile(client: FlaskClient, view: str, address: str, fields: Any, theirs: Update | Insert | Delete) -> int:
    """Send a form to ``view`` while another transaction has done ``theirs``. Return the status of the answer."""
    return answer_meanwhile(client, view, address, fields, theirs).status_code


def answer_meanwhile(
    client: FlaskClient, view: str, address: str, fields: Any, theirs: Update | Insert | Delete
) -> TestResponse:
    """Send a form to ``view`` while another transaction has done ``theirs``. Return the answer."""
    answers: list[TestResponse] = []

    def send() -> None:
        answers.append(client.post(address, data=fields))

    thread = threading.Thread(target=send)
    with write_transaction() as connection:
        connection.execute(theirs)
        thread.start()
        wait_for(lambda: waits(thread, view, connection), what="the view waits for the other transaction")
    thread.join()
    db.session.rollback()
    return answers[0]
