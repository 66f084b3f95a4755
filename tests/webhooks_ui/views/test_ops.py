"""Liveness, readiness and metrics."""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import stamp
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import SQLAlchemyError

from tests.support.factories import make_delivery, make_process, make_webhook
from webhooks_ui import counting
from webhooks_ui.checks import Check, Level, Trouble, Watch, ready
from webhooks_ui.database import db
from webhooks_ui.database import redis as redis_client
from webhooks_ui.models import utcnow


@pytest.fixture
def running(app: Flask) -> None:
    """A deployment in which all is well: the tables are of this version, and the processes send heartbeats."""
    stamp()
    make_process("worker")
    make_process("scheduler")


@pytest.fixture
def no_redis(app: Flask, tmp_path: Path) -> None:
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))


def metrics(client: FlaskClient, **arguments: Any) -> dict[tuple[str, ...], float]:
    with contextlib.suppress(SQLAlchemyError):
        counting.flush(client.application)  # in a web server the pulse does this
    response = client.get("/metrics", **arguments)
    assert response.status_code == 200
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_healthz_answers_whatever_else_is_down(client: FlaskClient, no_redis: None) -> None:
    db.drop_all()
    assert client.get("/healthz").text == "ok\n"


def test_readyz_says_that_all_is_well(client: FlaskClient, running: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    answer = response.get_json()
    assert (answer["status"], answer["reasons"]) == ("ok", [])
    assert answer["checks"] == {check.name: "ok" for check in ready.CHECKS}


def test_readyz_without_redis_is_degraded_but_ready(client: FlaskClient, running: None, no_redis: None) -> None:
    response = client.get("/readyz")
    answer = response.get_json()
    assert (response.status_code, answer["status"], answer["checks"]["redis"]) == (200, "degraded", "degraded")
    assert answer["reasons"] == ["Redis can't be used, so deliveries wait. Events are accepted."]


def test_readyz_is_503_until_the_migrations_ran(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["reasons"]) == (503, ["The database is not migrated."])


def test_readyz_is_503_when_the_database_is_gone(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = db.create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    monkeypatch.setitem(db._app_engines[app], None, broken)
    response = client.get("/readyz")
    answer = response.get_json()
    assert (response.status_code, answer["status"], answer["checks"]["database"]) == (503, "unavailable", "failed")
    assert "The file of the database is gone." in answer["reasons"]


def test_readyz_for_publishing_counts_only_what_publishing_needs(client: FlaskClient) -> None:
    stamp()
    assert client.get("/readyz").status_code == 503  # no worker runs
    response = client.get("/readyz?for=publishing")
    assert (response.status_code, response.get_json()["status"]) == (200, "ok")
    assert client.get("/readyz?for=delivering").status_code == 503
    assert client.get("/readyz?for=").status_code == 503
    response = client.get("/readyz?for=nonsense")
    assert response.status_code == 400
    assert response.get_json()["reasons"] == ["Write for=publishing or for=delivering, or leave it out."]


def test_readyz_tells_strangers_no_host_file_or_process(client: FlaskClient, app: Flask, tmp_path: Path) -> None:
    stamp()
    make_process("worker", beat_at=utcnow() - timedelta(minutes=1))
    text = client.get("/readyz").text
    assert "here.example.com" not in text
    assert "4711" not in text
    assert str(tmp_path) not in text


def test_metrics_count_what_is_there(client: FlaskClient) -> None:
    webhook = make_webhook()
    for status in ("delivered", "failed", "failed", "pending"):
        delivery = make_delivery(webhook, status=status)
    delivery.due_at = utcnow() - timedelta(seconds=90)
    db.session.commit()
    found = metrics(client)
    assert found["webhooks_events_stored",] == 4
    assert found["webhooks_deliveries_stored",] == 4
    assert found["webhooks_deliveries_unsettled", "failed"] == 2
    assert found["webhooks_deliveries_unsettled", "pending"] == 1
    assert found["webhooks_deliveries_unsettled", "cancelled"] == 0
    assert 90 <= found["webhooks_oldest_due_seconds",] < 120
    assert found["webhooks_deliveries_due",] == 1
    assert found["webhooks_events_published_total", "production"] == 4
    assert found["webhooks_deliveries_created_total", "production"] == 4
    assert found["webhooks_events_published_total", "staging"] == 0
    assert found["webhooks_webhooks", "production", "active"] == 1
    assert (found["webhooks_redis_up",], found["webhooks_database_up",]) == (1, 1)
    assert found["webhooks_queue_jobs", "deliveries"] == 1
    assert found["webhooks_sqlite_wal_bytes",] > 0
    assert found["webhooks_disk_free_bytes",] > 0


def test_metrics_say_which_webhooks_fail_or_are_slowed_down(client: FlaskClient) -> None:
    make_webhook(breaker_opened_at=utcnow())
    make_webhook(active=False, disabled_at=utcnow())
    make_webhook(environment="staging", throttled_until=utcnow() + timedelta(minutes=1))
    make_webhook(deleted_at=utcnow())
    found = metrics(client)
    assert found["webhooks_webhooks", "production", "failing"] == 1
    assert found["webhooks_webhooks", "production", "disabled"] == 1
    assert found["webhooks_webhooks", "production", "active"] == 0
    assert found["webhooks_webhooks", "staging", "active"] == 1
    assert found["webhooks_webhooks_throttled", "staging"] == 1
    assert found["webhooks_webhooks_throttled", "production"] == 0


def test_metrics_say_which_processes_are_alive(client: FlaskClient) -> None:
    make_process("worker", in_flight=7)
    make_process("worker", in_flight=2)
    make_process("worker", in_flight=50, beat_at=utcnow() - timedelta(minutes=1))
    found = metrics(client)
    assert (found["webhooks_processes", "worker", "alive"], found["webhooks_processes", "worker", "silent"]) == (2, 1)
    assert found["webhooks_processes", "scheduler", "alive"] == 0
    assert found["webhooks_requests_in_flight",] == 9


def test_metrics_say_what_readyz_says(client: FlaskClient, running: None) -> None:
    found = metrics(client)
    assert (found["webhooks_ready",], found["webhooks_check_ok", "workers"]) == (1, 1)


def test_requests_are_counted_by_route_and_status(client: FlaskClient) -> None:
    for path in ("/healthz", "/healthz", "/no/such/page", "/admin/webhooks/7"):
        client.get(path)
    client.open("/healthz", method="BREW")
    found = metrics(client)
    assert found["webhooks_http_requests_total", "GET", "/healthz", "200"] == 2
    assert found["webhooks_http_requests_total", "GET", "(none)", "404"] == 1
    assert found["webhooks_http_requests_total", "GET", "/admin/webhooks/<int:webhook_id>", "302"] == 1
    assert found["webhooks_http_requests_total", "other", "(none)", "405"] == 1
    assert found["webhooks_http_request_duration_seconds_count", "/healthz"] == 2
    assert found["webhooks_http_request_duration_seconds_sum", "/healthz"] > 0


def test_metrics_answer_while_the_database_is_away(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = db.create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    monkeypatch.setitem(db._app_engines[app], None, broken)
    found = metrics(client)
    assert (found["webhooks_database_up",], found["webhooks_ready",], found["webhooks_redis_up",]) == (0, 0, 1)
    assert found["webhooks_check_ok", "database"] == 0


def test_metrics_do_not_wait_for_a_database_that_a_check_could_not_write_to(client: FlaskClient, app: Flask) -> None:
    locked = Trouble(Level.FAILED, "The database is locked.")
    app.extensions["watch"] = Watch(app, [Check("database", lambda: None), Check("writing", lambda: locked)])
    found = metrics(client)
    assert (found["webhooks_database_up",], found["webhooks_ready",]) == (0, 0)
    assert ("webhooks_deliveries_due",) not in found


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
    assert ("webhooks_queue_jobs", "deliveries") not in found


@pytest.mark.parametrize(
    "request_",
    [
        {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"X-Forwarded-Proto": "https"}},
        {"headers": {"Via": "1.1 proxy"}},  # a proxy that tells nothing else (RFC 9110, section 7.6.3)
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
