"""What a person or another version wrote into the row of one webhook holds up no other one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from jobs.deliver import deliver
from jobs.publish import publish
from jobs.record import AGAIN_AFTER
from tests.support.factories import make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.database import db, write_transaction
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Webhook, utcnow

CAUSE = {"outcome": "bad_status", "code": 500, "text": "", "count": "two", "since": "2026-01-01", "delivery": 1}
ROWS: dict[str, dict[str, Any]] = {
    "an unknown schedule": {"retry_schedule": "weekly"},
    "no own delays": {"retry_schedule": "own"},
    "a number for delays": {"retry_schedule": "own", "retry_delays": "5"},
    "null for delays": {"retry_schedule": "own", "retry_delays": "null"},
    "delays in words": {"retry_schedule": "own", "retry_delays": '["1 h"]'},
    "delays of ages": {"retry_schedule": "own", "retry_delays": "[1e300]"},
    "null for headers": {"headers": "null"},
    "a number for headers": {"headers": "5"},
    "headers in words": {"headers": '["X-Tenant: emea"]'},
    "null for older secrets": {"older_secrets": "null"},
    "older secrets in words": {"older_secrets": '["whsec_"]'},
    "older secrets without a zone": {"older_secrets": '[{"expires_at":"2030-01-01"}]'},
    "credentials in words": {"auth": '"Basic"'},
    "a number for a password": {"auth": '{"kind":"basic","username":"u","secret_encrypted":5}'},
    "a list for a certificate": {"client_certificate": "[1]"},
    "an unknown period": {"rate_limit": 5, "rate_period": "eon"},
    "a rate below zero": {"throttle_rate": -1.0},
    "a rate of almost nothing": {"throttle_rate": 1e-300},
    "an unknown format": {"format": "smoke"},
    "a timeout below zero": {"timeout_seconds": -5},
    "no URL": {"url": "http://[::1"},
    "null for causes": {"failures": "null"},
    "causes in words": {"failures": '["timeout"]', "consecutive_failures": 1},
    "causes that aren't JSON": {"failures": "timeout", "consecutive_failures": 1},
    "causes without a count": {"failures": json.dumps([CAUSE]), "consecutive_failures": 1},
}


def spoil(webhook: Webhook, values: dict[str, Any]) -> None:
    """Write into the row of a webhook, as no form does."""
    if values.get("failures") == "timeout" and db.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL takes JSON alone")
    changes = ", ".join(f"{name} = :{name}" for name in values)
    with write_transaction() as connection:
        connection.execute(text(f"UPDATE webhooks SET {changes} WHERE id = :id"), {**values, "id": webhook.id})


def statuses(webhook_id: int) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Delivery.status).where(Delivery.webhook_id == webhook_id)))


@pytest.mark.parametrize("values", ROWS.values(), ids=ROWS.keys())
def test_others_get_their_events_and_the_log_says_so_once(
    app: Flask, receiver: Receiver, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = make_webhook(url=f"{receiver.url}/bad").id, make_webhook(url=f"{receiver.url}/good").id
    receiver.respond = lambda request: (200 if request.path.endswith("/good") else 500, {}, b"x")
    spoil(db.session.get_one(Webhook, bad), values)
    for number in range(2):
        publish("production", [NewEvent("license.activated", {"n": number})])
        deliver()
    assert statuses(good) == ["delivered", "delivered"]
    assert len([entry for entry in caplog.records if entry.levelname == "ERROR"]) <= 1


@pytest.fixture
def refused_attempts(app: Flask) -> Iterator[None]:
    """Let the database refuse all attempts at a path but the first one."""
    with db.engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX refusing ON attempts (outcome) WHERE url LIKE '%/bad'"))
    yield
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.execute(text("DROP INDEX refusing"))


def test_an_attempt_that_cannot_be_stored_at_all_is_made_again_much_later(
    app: Flask, receiver: Receiver, refused_attempts: None
) -> None:
    bad, good = make_webhook(url=f"{receiver.url}/bad").id, make_webhook(url=f"{receiver.url}/good").id
    publish("production", [NewEvent("license.activated", {"n": number}) for number in range(3)])
    deliver()
    assert statuses(good) == ["delivered"] * 3
    assert sorted(statuses(bad)) == ["delivered", "pending", "pending"]
    waiting = db.session.scalars(db.select(Delivery).where(Delivery.status == "pending")).all()
    assert all(delivery.due_at > utcnow() + AGAIN_AFTER / 2 for delivery in waiting if delivery.due_at)
    assert {delivery.lease_token for delivery in waiting} == {None}
    deliver()
    assert len(receiver.requests) == 6
