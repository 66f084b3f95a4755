"""Forgotten passwords."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis, RedisError
from rq import Queue, SimpleWorker

from tests.support.factories import make_user
from tests.support.mailbox import Mailbox, receiving_mail
from tests.support.people import (
    PASSWORD,
    again,
    code_of,
    is_signed_in,
    last_entry,
    session_count,
    sign_in,
    start_session,
    with_app,
)
from webhooks_ui.database import writing
from webhooks_ui.models import utcnow
from webhooks_ui.people import accounts
from webhooks_ui.people.second_factor import WRONG_CODES_MAX
from webhooks_ui.views.new_passwords import ASKED_PER_HOUR
from webhooks_ui.wake import CHORES

NEW = "quokka lantern 9 fjord"
FORM = {"password": NEW, "repeated": NEW}
ASK = "/new-passwords"


@pytest.fixture
def box(app: Flask) -> Iterator[Mailbox]:
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        yield box


def work(app: Flask) -> None:
    """Do the jobs that wait, as the scheduler's worker does."""
    redis = app.extensions["redis"]
    SimpleWorker([Queue(CHORES, connection=redis)], connection=redis).work(burst=True, logging_level="ERROR")


def asked_link(app: Flask, client: FlaskClient, box: Mailbox, email: str = "admin@example.com") -> str:
    """Ask for a link, and return its path from the mail."""
    client.post(ASK, data={"email": email})
    work(app)
    return urlsplit(next(line for line in box.mails[-1].text.splitlines() if line.startswith("http"))).path


def test_the_link_of_the_mail_gives_a_new_password(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    user = make_user()
    assert f'href="{ASK}"' in client.get("/login").text
    assert client.get(ASK).status_code == 200
    link = asked_link(app, client, box, " Admin@Example.com ")
    assert box.mails[0].recipients == ["admin@example.com"]
    assert "For <b>admin@example.com</b>" in client.get(link).text
    assert client.post(link, data=FORM).headers["Location"] == "/login"
    assert again(user).has_password(NEW)
    assert last_entry("user.password_changed").actor == "admin@example.com"
    assert sign_in(client, password=NEW).status_code == 303


def test_a_new_password_ends_all_sessions(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    user, thief = make_user(), app.test_client()
    start_session(thief, user)
    client.post(asked_link(app, client, box), data=FORM)
    assert not is_signed_in(thief)
    assert session_count(user) == 0


def test_a_new_password_gives_no_further_tries_for_the_code(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    user = with_app(make_user())
    sign_in(client)
    for _ in range(WRONG_CODES_MAX):
        client.post("/login/second-factor", data={"code": "000000"})
    client.post(asked_link(app, client, box), data=FORM)
    sign_in(client, password=NEW)
    answer = client.post("/login/second-factor", data={"code": code_of(user)})
    assert "Wait 15 minutes" in answer.text
    assert not is_signed_in(client)


def test_the_second_factor_stays(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    with_app(make_user())
    client.post(asked_link(app, client, box), data=FORM)
    assert sign_in(client, password=NEW).headers["Location"] == "/login/second-factor"


def test_the_link_works_once_and_for_24_hours(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    make_user()
    link = asked_link(app, client, box)
    with time_machine.travel(utcnow() + timedelta(hours=24, seconds=1)):
        assert client.get(link).status_code == 404
    assert client.post(link, data=FORM).status_code == 303
    assert client.post(link, data=FORM).status_code == 404


@pytest.mark.parametrize("email", ["nobody@example.com", "gone@example.com", "invited@example.com"])
def test_nobody_learns_who_has_an_account(app: Flask, client: FlaskClient, box: Mailbox, email: str) -> None:
    make_user("gone@example.com", deactivated_at=utcnow())
    make_user("invited@example.com", joined_at=None)
    make_user()
    known, other = client.post(ASK, data={"email": "admin@example.com"}), client.post(ASK, data={"email": email})
    assert (known.status_code, known.headers["Location"]) == (other.status_code, other.headers["Location"])
    work(app)
    assert [mail.recipients for mail in box.mails] == [["admin@example.com"]]


def test_asking_often_sends_one_mail_in_five_minutes(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    make_user()
    for _ in range(3):
        client.post(ASK, data={"email": "admin@example.com"})
    work(app)
    assert len(box.mails) == 1
    with time_machine.travel(utcnow() + timedelta(minutes=6)):
        client.post(ASK, data={"email": "admin@example.com"})
        work(app)
    assert len(box.mails) == 2


def test_redis_never_holds_the_link(app: Flask, client: FlaskClient, box: Mailbox) -> None:
    make_user()
    token = asked_link(app, client, box).rpartition("/")[2]
    redis: Redis = app.extensions["redis"]
    kept = [redis.dump(key) or b"" for key in redis.keys("*")]
    assert not any(token.encode() in value for value in kept)


def test_a_mail_server_that_is_away_is_one_warning(
    app: Flask, client: FlaskClient, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    make_user()
    box.refused.add("admin@example.com")
    client.post(ASK, data={"email": "admin@example.com"})
    work(app)
    assert "The mail with a link for a new password could not be sent" in caplog.text


def test_while_redis_is_down_it_says_so(
    app: Flask, client: FlaskClient, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RedisError

    monkeypatch.setattr(Queue, "enqueue", fail)
    answer = client.post(ASK, data={"email": "admin@example.com"})
    assert answer.status_code == 503
    assert "Try again in a minute" in answer.text


@pytest.mark.parametrize(("email", "sentence"), [("", "Enter an email address."), ("eva", "is not an email address")])
def test_a_wrong_address_is_told(client: FlaskClient, box: Mailbox, email: str, sentence: str) -> None:
    answer = client.post(ASK, data={"email": email})
    assert answer.status_code == 422
    assert sentence in answer.text


def test_without_a_mail_server_or_without_passwords_it_is_not_offered(app: Flask, client: FlaskClient) -> None:
    assert ASK not in client.get("/login").text
    assert client.get(ASK).status_code == client.post(ASK, data={"email": "a@b"}).status_code == 404
    with receiving_mail() as box:
        app.config |= {"SMTP": box.server(), "PASSWORD_SIGN_IN": False}
        assert ASK not in client.get("/login").text
        assert client.get(ASK).status_code == 404


def test_a_wrong_new_password_is_told_and_the_link_still_works(client: FlaskClient) -> None:
    user = make_user()
    with writing():
        token = accounts.reset_password(accounts.lock(user.id) or user)
    link = f"{ASK}/{token}"
    answer = client.post(link, data={"password": PASSWORD, "repeated": "another"})
    assert answer.status_code == 422
    assert "This is not the same password." in answer.text
    assert client.post(link, data=FORM).status_code == 303


def test_the_link_of_an_invitation_is_none_for_a_password(client: FlaskClient) -> None:
    with writing():
        _, token = accounts.invite("eva@example.com", "admin")
    assert client.get(f"{ASK}/{token}").status_code == 404


def test_who_asks_too_often_is_told_so(client: FlaskClient, box: Mailbox) -> None:
    answers = [client.post(ASK, data={"email": "x@example.com"}) for _ in range(ASKED_PER_HOUR + 1)]
    assert answers[-1].status_code == 429
    assert "Too many links were asked for" in answers[-1].text
    assert "sign in" not in answers[-1].text.partition("<main")[2].partition("</p>")[0]


def test_the_addresses_of_one_ipv6_network_ask_together(client: FlaskClient, box: Mailbox) -> None:
    def ask(address: str) -> int:
        return client.post(ASK, data={"email": "x@example.com"}, environ_base={"REMOTE_ADDR": address}).status_code

    answers = [ask(f"2001:db8:1:2::{number:x}") for number in range(ASKED_PER_HOUR + 2)]
    assert answers == [303] * ASKED_PER_HOUR + [429] * 2
    assert ask("2001:db8:1:3::1") == 303
