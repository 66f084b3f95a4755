"""Liveness, readiness and metrics."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import stamp
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import Stats, utcnow


@pytest.fixture
def migrated(app: Flask) -> None:
    stamp()


@pytest.fixture
def no_redis(app: Flask, tmp_path: Path) -> None:
    app.extensions["redis"] = Redis(unix_socket_path=str(tmp_path / "nobody.sock"))


def metrics(client: FlaskClient, **arguments: Any) -> dict[tuple[str, ...], float]:
    response = client.get("/metrics", **arguments)
    assert response.status_code == 200
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_healthz_answers_whatever_else_is_down(client: FlaskClient, no_redis: None) -> None:
    db.drop_all()
    assert client.get("/healthz").text == "ok\n"


def test_readyz_says_that_all_is_well(client: FlaskClient, migrated: None) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ok", "database": "ok", "redis": "ok"})


def test_readyz_without_redis_is_degraded_but_ready(client: FlaskClient, migrated: None, no_redis: None) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["status"], response.get_json()["redis"]) == (
        200,
        "degraded",
        "down",
    )


def test_readyz_is_503_until_the_migrations_ran(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["database"]) == (503, "not migrated")


def test_readyz_is_503_when_the_database_is_gone(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = db.create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    monkeypatch.setitem(db._app_engines[app], None, broken)
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["status"], response.get_json()["database"]) == (
        503,
        "unavailable",
        "down",
    )


def test_metrics_count_what_is_there(client: FlaskClient) -> None:
    webhook = make_webhook()
    for status in ("delivered", "failed", "failed", "pending"):
        delivery = make_delivery(webhook, status=status)
    delivery.due_at = utcnow() - timedelta(seconds=90)
    db.session.add(Stats(webhook_id=webhook.id, hour=utcnow(), succeeded=True, duration_bucket_ms=10, count=3))
    old = utcnow() - timedelta(days=1)
    db.session.add(Stats(webhook_id=webhook.id, hour=old, succeeded=True, duration_bucket_ms=10, count=100))
    db.session.commit()
    found = metrics(client)
    assert found["webhooks_events_stored",] == 4
    assert found["webhooks_deliveries_stored",] == 4
    assert found["webhooks_deliveries_unsettled", "failed"] == 2
    assert found["webhooks_deliveries_unsettled", "pending"] == 1
    assert found["webhooks_deliveries_unsettled", "cancelled"] == 0
    assert 90 <= found["webhooks_oldest_due_seconds",] < 120
    assert found["webhooks_attempts_recent", "succeeded"] == 3
    assert found["webhooks_attempts_recent", "failed"] == 0
    assert (found["webhooks_redis_up",], found["webhooks_workers",]) == (1, 0)
    assert found["webhooks_queue_jobs",] == 1


def test_what_waits_for_an_inactive_webhook_is_not_late(client: FlaskClient) -> None:
    make_delivery(make_webhook(), due_at=utcnow() - timedelta(hours=1)).webhook.active = False
    db.session.commit()
    assert metrics(client)["webhooks_oldest_due_seconds",] == 0


@pytest.mark.parametrize("held", [{"throttled_until": timedelta(minutes=1)}, {"paced_until": timedelta(seconds=-1)}])
def test_what_waits_for_a_slow_endpoint_is_not_late(client: FlaskClient, held: dict[str, timedelta]) -> None:
    webhook = make_webhook(**{name: utcnow() + after for name, after in held.items()})
    make_delivery(webhook, due_at=utcnow() - timedelta(hours=1))
    assert metrics(client)["webhooks_oldest_due_seconds",] == 0


def test_what_waits_for_an_earlier_delivery_is_not_late(client: FlaskClient) -> None:
    webhook = make_webhook(in_order=True)
    make_delivery(webhook, in_order=True, due_at=utcnow() + timedelta(minutes=1))
    make_delivery(webhook, in_order=True, due_at=utcnow() - timedelta(hours=1))
    assert metrics(client)["webhooks_oldest_due_seconds",] == 0


def test_metrics_work_on_an_empty_database_and_without_redis(client: FlaskClient, no_redis: None) -> None:
    found = metrics(client)
    assert (found["webhooks_redis_up",], found["webhooks_oldest_due_seconds",]) == (0, 0)
    assert ("webhooks_workers",) not in found


@pytest.mark.parametrize(
    "request_",
    [
        {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"environ_base": {"REMOTE_ADDR": ""}},
    ],
)
def test_metrics_are_for_this_machine_alone(client: FlaskClient, request_: dict[str, Any]) -> None:
    assert client.get("/metrics", **request_).status_code == 403


def test_with_a_token_metrics_are_for_whoever_has_it(client: FlaskClient, app: Flask) -> None:
    app.config["METRICS_TOKEN"] = "s3cret"
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert metrics(client, environ_base=elsewhere, headers={"Authorization": "Bearer s3cret"})
    for authorization in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer wröng"}):
        assert client.get("/metrics", environ_base=elsewhere, headers=authorization).status_code == 403
    assert client.get("/metrics").status_code == 403
