"""The migrations make the tables that the models define, on both databases."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import Connection, column, insert, table

from config import ROOT, load
from jobs.compose import DEFAULTS
from jobs.target import targets_of
from tests.support.authorities import Authority
from tests.support.factories import make_api_key, make_event, make_webhook
from tests.support.rig import postgresql
from webhooks_ui import create_app
from webhooks_ui.database import db, dialect, writing
from webhooks_ui.deliveries.display import request_headers
from webhooks_ui.events.keys import joined
from webhooks_ui.models import (
    ApiKey,
    Attempt,
    Delivery,
    EventKey,
    OwnEventType,
    Scope,
    Stats,
    Webhook,
    secret_box,
    utcnow,
)
from webhooks_ui.models.stats import hour_of
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair
from webhooks_ui.webhooks.oauth import Grant
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind
from webhooks_ui.webhooks.search import text_matches


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The app on a database without tables."""

    def app_on(url: str) -> Iterator[Flask]:
        app = create_app(load({"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": url}))
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()

    if request.param == "sqlite":
        yield from app_on("")
        return
    with postgresql() as url:
        yield from app_on(url)


def test_the_migrations_make_the_tables_of_the_models(empty: Flask) -> None:
    upgrade()
    check()  # exits if a migration is missing


# In a process of its own, because it changes a model. With a row that refers to the changed table.
NEW_COLUMN = """
import sys
import sqlalchemy as sa
from flask_migrate import downgrade, migrate, upgrade
from config import ROOT, load
from tests.support.factories import make_delivery
from webhooks_ui import create_app
from webhooks_ui.database import db

folder, instance = sys.argv[1:]
with create_app(load({"INSTANCE_PATH": instance})).app_context():
    upgrade(directory=folder)
    make_delivery()
    db.session.remove()
    db.metadata.tables["webhooks"].append_column(sa.Column("of_a_test", sa.String(), server_default="", nullable=False))
    migrate(directory=folder, rev_id="9999", message="a column of this test")
    upgrade(directory=folder)
    downgrade(directory=folder)
    print(db.session.execute(sa.text("SELECT count(*) FROM deliveries")).scalar_one(), "delivery")
"""


def test_a_migration_that_alembic_writes_works_both_ways_with_rows_in_the_tables(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "webhooks_ui" / "migrations", folder)
    command = [sys.executable, "-c", NEW_COLUMN, str(folder), str(tmp_path / "instance")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("1 delivery\n"), done.stdout + done.stderr


def test_several_can_migrate_at_the_same_time(empty: Flask, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": str(empty.config["SQLALCHEMY_DATABASE_URI"]), "INSTANCE_PATH": str(tmp_path)}
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 4
    check()


def test_the_last_migration_can_be_undone(empty: Flask) -> None:
    upgrade()
    downgrade()
    upgrade()
    check()


def test_what_was_there_before_moves_along(empty: Flask) -> None:
    """Migration 0005: a secret in its grace period still signs, and long or decomposed texts are found."""
    upgrade(revision="0004")
    ends, now = utcnow() + timedelta(hours=5), utcnow()
    long = "https://example.com/" + "a" * 1_000 + "needle"
    texts = ("Cafe\u0301", long), ("Plain", "https://example.com/")
    with db.engine.begin() as connection:
        for id, (name, url) in enumerate(texts, 1):
            row = {"id": id, "name": name, "url": url, "environment": "production", "active": True, "version": 1}
            row |= {"secret_encrypted": "new", "consecutive_failures": 0, "probes_failed": 0, "created_at": now}
            row |= {"updated_at": now, "name_key": name, "search_text": f"{name} {url}".casefold()[:500]}
            older = {"previous_secret_encrypted": "old", "previous_secret_expires_at": ends} if id == 1 else {}
            _insert(connection, row | older)
    upgrade()
    first, second = db.session.scalars(db.select(Webhook).order_by(Webhook.id)).all()
    assert [(older["secret_encrypted"], older["expires_at"]) for older in first.older_secrets] == [
        ("old", ends.isoformat())
    ]
    assert [older.expires_at for older in first.secrets_in_grace] == [ends]
    assert second.older_secrets == []
    assert (first.rate_limit, first.in_order, first.throttled_until) == (None, False, None)
    found = db.select(Webhook.id).where(text_matches("caf\u00e9"))
    assert db.session.scalars(found).all() == [1]
    assert db.session.scalars(db.select(Webhook.id).where(text_matches("needle"))).all() == [1]
    db.session.remove()
    downgrade(revision="0004")
    with db.engine.connect() as connection:
        older_secret = db.text("SELECT previous_secret_encrypted FROM webhooks ORDER BY id")
        assert connection.execute(older_secret).scalars().all() == ["old", None]


def test_a_url_from_before_is_found_as_people_write_it(empty: Flask) -> None:
    """Migration 0027, up and down. The URL of the second webhook has only ASCII in it."""
    upgrade(revision="0026")
    now = utcnow()
    with db.engine.begin() as connection:
        for id, url in enumerate(("https://xn--mller-kva.example/k%C3%B6ln", "https://example.com/a%20b"), 1):
            row = {"id": id, "name": "Any", "url": url, "environment": "production", "active": True, "version": 1}
            row |= {"secret_encrypted": "x", "consecutive_failures": 0, "probes_failed": 0, "created_at": now}
            _insert(connection, row | {"updated_at": now, "name_key": "any", "search_text": f"any {url}".casefold()})
    upgrade()
    for text, found in (("müller.example/köln", [1]), ("xn--mller", [1]), ("a%20b", [2])):
        assert db.session.scalars(db.select(Webhook.id).where(text_matches(text))).all() == found, text
    db.session.remove()
    downgrade(revision="0026")
    upgrade()
    check()


def test_no_row_is_lost_on_the_way_up_and_down(empty: Flask) -> None:
    """SQLite changes some columns by making the table anew. It then deletes the rows that refer to it, or refuses."""
    upgrade(revision="0004")
    with db.engine.begin() as connection:
        _fill_0005(connection)
        stats = {"webhook_id": 1, "hour": utcnow(), "succeeded": True, "count": 1, "duration_bucket_ms": 100}
        _insert(connection, stats, "stats")
    for move in (upgrade, lambda: downgrade(revision="0004"), upgrade):
        move()
        with db.engine.connect() as connection:
            for name in ("webhooks", "subscriptions", "stats", "events", "deliveries", "attempts"):
                assert connection.execute(db.text(f"SELECT count(*) FROM {name}")).scalar_one() == 1, name
    check()


def test_the_hours_of_a_webhook_come_from_its_statistics(empty: Flask) -> None:
    """Migration 0020."""
    upgrade(revision="0016")
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    with db.engine.begin() as connection:
        for id in (1, 2):
            row: dict[str, Any] = {"id": id, "name": "Any", "url": "https://example.com/", "environment": "production"}
            row |= {"active": True, "version": 1, "secret_encrypted": "x", "consecutive_failures": 0}
            row |= {"probes_failed": 0, "created_at": hour, "updated_at": hour, "name_key": "any", "search_text": "any"}
            _insert(connection, row)
        for ago, succeeded in ((1, False), (3, False), (7, True), (9, True)):
            stats = {"webhook_id": 1, "hour": hour - timedelta(hours=ago), "succeeded": succeeded, "count": 1}
            connection.execute(insert(Stats.__table__).values(stats | {"duration_bucket_ms": 100}))
    upgrade()
    hours = db.select(Webhook.attempted_hour, Webhook.succeeded_hour).order_by(Webhook.id)
    now = hour_of(hour)
    assert db.session.execute(hours).all() == [(now - 1, now - 7), (0, 0)]


def test_keys_of_new_events_are_kept_when_a_step_back_leaves_them_no_table(empty: Flask) -> None:
    """Migration 0022, up and down, with rows in the tables."""
    upgrade(revision="0021")
    key = {"value": "old", "event_id": 1}
    with db.engine.begin() as connection:
        _insert(connection, key, "event_keys")
    upgrade(revision="0022")
    assert db.session.scalars(db.select(EventKey.value)).all() == ["old"]
    db.session.remove()
    with db.engine.begin() as connection:
        _insert(connection, {"event_id": 2, "keys": joined(["a", "b"])}, "fresh_keys")
        _insert(connection, {"event_id": 1, "keys": joined(["old"])}, "fresh_keys")  # was stored by the chore, too
    downgrade(revision="0021")
    rows = db.select(EventKey.value, EventKey.event_id).order_by(EventKey.value)
    assert db.session.execute(rows).all() == [("a", 2), ("b", 2), ("old", 1)]
    db.session.remove()
    upgrade()
    check()


def test_a_step_back_leaves_examples_that_the_time_before_reads(empty: Flask) -> None:
    """Migration 0024: an older version would send the text of an example in place of an object."""
    upgrade()
    for name, example in (("invoice.paid", '{"total":12.50}'), ("invoice.sent", {"total": 1})):
        db.session.add(OwnEventType(name=name, description="Any", example=example))
    db.session.commit()
    db.session.remove()
    downgrade(revision="0023")
    examples = db.select(OwnEventType.example).order_by(OwnEventType.id)
    assert db.session.scalars(examples).all() == [{"total": 12.5}, {"total": 1}]
    db.session.remove()
    upgrade()
    check()


def test_a_webhook_of_the_time_before_has_no_options_and_works_as_before(empty: Flask) -> None:
    """Migration 0006, up and down, with rows in the tables."""
    upgrade(revision="0005")
    with db.engine.begin() as connection:
        _fill_0005(connection)
    upgrade()
    webhook = db.session.scalars(db.select(Webhook)).one()
    assert (webhook.headers, webhook.auth, webhook.filter, webhook.fields) == ([], None, None, None)
    assert (webhook.retry_delays, webhook.timeout_seconds, webhook.format) == (None, None, "json")
    assert webhook.event_types == ["license.activated"]
    assert make_event().deliveries_count == 1
    (target,) = targets_of(db.session.connection(), utcnow(), [1]).values()
    assert (target.options, target.timeout_seconds, target.retry_delays) == (DEFAULTS, None, None)
    db.session.rollback()
    old = db.session.get_one(Delivery, 1)
    assert (old.fields, old.event.note, old.attempts[0].request_body) == (None, None, None)
    webhook.event_types = ["license.activated", "webhook.failing", "invoice.paid"]
    webhook.retry_schedule, webhook.retry_delays, webhook.format = "own", [10], "slack"
    webhook.headers = [{"name": "X-A", "value_encrypted": "x"}]
    db.session.add(OwnEventType(name="invoice.paid", description="Paid", example={}))
    db.session.commit()
    db.session.remove()
    downgrade(revision="0005")
    with db.engine.connect() as connection:
        assert connection.execute(db.text("SELECT event_type FROM subscriptions")).scalars().all() == [
            "license.activated"
        ]
        rows = connection.execute(db.text("SELECT retry_schedule, format, name, url FROM webhooks")).all()
        assert rows == [(None, "json", "Orders", "https://example.com/")]
        assert connection.execute(db.text("SELECT count(*) FROM deliveries")).scalar_one() == 2
    upgrade()
    check()


def _fill_0005(connection: Connection) -> None:
    """Add a webhook with a subscription, and an event with a delivery and an attempt, as the product had them."""
    now = utcnow()
    webhook = {"id": 1, "name": "Orders", "url": "https://example.com/", "environment": "production", "active": True}
    webhook |= {"version": 3, "secret_encrypted": secret_box.encrypt(secret_box.generate()), "consecutive_failures": 0}
    webhook |= {"probes_failed": 0, "created_at": now, "updated_at": now, "name_key": "orders", "search_text": "orders"}
    event = {"id": 1, "public_id": "evt_1", "type": "license.activated", "environment": "production"}
    event |= {"body": b'{"id":"evt_1","data":{}}', "deliveries_count": 1, "created_at": now}
    delivery = {"id": 1, "event_id": 1, "webhook_id": 1, "event_type": "license.activated", "status": "delivered"}
    delivery |= {"environment": "production", "trigger": "event", "forced": False, "attempts_count": 1}
    attempt = {"id": 1, "delivery_id": 1, "number": 1, "started_at": now, "duration_ms": 5, "outcome": "delivered"}
    attempt |= {"detail": "", "url": "https://example.com/", "request_headers": "{}", "response_headers": "[]"}
    _insert(connection, webhook)
    _insert(connection, {"webhook_id": 1, "event_type": "license.activated"}, "subscriptions")
    _insert(connection, event, "events")
    _insert(connection, delivery | {"created_at": now}, "deliveries")
    _insert(connection, attempt | {"response_code": 200, "response_truncated": False}, "attempts")
    if connection.dialect.name == "postgresql":
        for name in ("webhooks", "events", "deliveries", "attempts"):
            connection.execute(db.text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 1)"))


def test_attempts_from_before_keep_all_their_headers_and_new_ones_get_them_back(empty: Flask) -> None:
    """Migrations 0011 and 0012, up and down, with rows in the tables."""
    upgrade(revision="0005")
    with db.engine.begin() as connection:
        _fill_0005(connection)
        connection.execute(db.text('UPDATE attempts SET request_headers = \'{"webhook-id": "evt_1"}\''))
        connection.execute(db.text("UPDATE deliveries SET due_at = created_at"))  # what no product has left
    upgrade()
    old = db.session.get_one(Attempt, 1)
    assert (request_headers(old.delivery, old), old.sent_by) == ({"webhook-id": "evt_1"}, None)
    assert old.delivery.due_at is None
    kept = {"kept_headers": {"X-Tenant": MASK}, "signature": "v1,c2ln", "sent_by": "0.1.0"}
    with writing():
        answer = {"outcome": "delivered", "url": old.url, "response_headers": [], "duration_ms": 5}
        db.session.add(Attempt(delivery_id=1, number=2, started_at=utcnow(), **answer, **kept))
    new = db.session.get_one(Attempt, 2)
    shown = request_headers(new.delivery, new)
    assert (shown["webhook-signature"], shown["X-Webhook-Attempt"], shown["X-Tenant"]) == ("v1,c2ln", "2", MASK)
    db.session.remove()
    downgrade(revision="0009")
    with db.engine.connect() as connection:
        stored = connection.execute(db.text("SELECT CAST(request_headers AS TEXT) FROM attempts ORDER BY id")).scalars()
        assert [json.loads(headers) for headers in stored] == [{"webhook-id": "evt_1"}, shown]


def test_keys_from_before_scopes_keep_what_they_could(empty: Flask) -> None:
    """Migration 0008. After a step back, a key whose end is over must not work again."""
    upgrade(revision="0005")
    row = {"name": "Platform", "prefix": "km_a", "digest": "a", "environment": "production", "rate_per_minute": 60}
    row |= {"created_at": utcnow()}
    with db.engine.begin() as connection:
        _insert(connection, row, "api_keys")
    upgrade(revision="0008")
    key = db.session.scalars(db.select(ApiKey)).one()
    assert key.scopes == list(Scope)
    assert (key.expires_at, key.status) == (None, "active")
    ended, _ = make_api_key(expires_at=utcnow() - timedelta(minutes=1))
    assert ended.revoked_at is None
    db.session.remove()
    downgrade(revision="0005")
    with db.engine.connect() as connection:
        revoked = connection.execute(db.text("SELECT revoked_at FROM api_keys ORDER BY id")).scalars().all()
    assert revoked[0] is None
    assert revoked[1]


def test_a_step_back_sends_nothing_without_its_certificate_or_token(empty: Flask) -> None:
    """Migration 0010."""
    upgrade()
    pair = Pair(*Authority().sign("ada"))
    auth = Auth(AuthKind.OAUTH, "portal", "word", Grant("https://id.example/"))
    basic = Auth(AuthKind.BASIC, "ada", "word")
    for fields in ({"client_certificate": pair}, {"auth": auth}, {"auth": basic}, {}):
        webhook = make_webhook()
        with writing():
            changes.edit(webhook, fields)
    db.session.remove()
    downgrade(revision="0009")
    with db.engine.connect() as connection:
        rows = connection.execute(db.text("SELECT active, auth FROM webhooks ORDER BY id")).all()
    assert [bool(active) for active, _ in rows] == [False, False, True, True]
    assert rows[1].auth is None
    assert rows[2].auth is not None
    upgrade()
    check()


def _insert(connection: Connection, row: dict[str, Any], name: str = "webhooks") -> None:
    """Add a row to a table that is older than the model."""
    as_time = dialect(connection).time_value
    values = {name: as_time(value) if isinstance(value, datetime) else value for name, value in row.items()}
    connection.execute(insert(table(name, *map(column, values))).values(values))
