"""The health of a webhook, in Python and in SQL, on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
import time_machine
from flask import Flask

from jobs.health import judge_webhooks
from jobs.retry import Attempted
from tests.support.attempts import THRESHOLD, count_attempts
from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Webhook, WebhookHealth, utcnow
from webhooks_ui.models.health import first_hour, health_is, health_of
from webhooks_ui.models.stats import hour_of
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.kinds import count_kinds
from webhooks_ui.webhooks.pages import find_page
from webhooks_ui.webhooks.stats import RANGES, last_day

__all__ = ["database_url"]


@pytest.fixture(autouse=True)
def within_an_hour() -> Iterator[None]:
    """Let no test begin in one hour and end in the next one."""
    with time_machine.travel(utcnow().replace(minute=20), tick=True):
        yield


def make_all_kinds() -> None:
    """Make a webhook for each combination of what health looks at."""
    now = utcnow()
    present, past = now + timedelta(hours=1), now - timedelta(minutes=1)
    lately, before = first_hour(now), first_hour(now) - 1
    columns: dict[str, tuple[Any, ...]] = {
        "active": (True, False),
        "disabled_at": (None, past),
        "unreadable_at": (None, past),
        "breaker_opened_at": (None, past),
        "throttled_until": (None, past, present),
    }
    hours = ((0, 0), (before, before), (lately, before), (lately, 0), (lately, lately), (hour_of(now), lately))
    for values in product(*columns.values()):
        for attempted, succeeded in hours:
            row = dict(zip(columns, values, strict=True)) | {"attempted_hour": attempted, "succeeded_hour": succeeded}
            fields = {"name": "Any", "url": "https://example.com/", "environment": "production", "event_types": []}
            db.session.add(Webhook(**fields, secret_encrypted="x", **row))
    db.session.commit()


def test_sql_and_python_agree_about_every_combination(app: Flask) -> None:
    make_all_kinds()
    now = utcnow()
    webhooks = db.session.scalars(db.select(Webhook)).all()
    assert len(webhooks) == 2 * 2 * 2 * 2 * 3 * 6
    in_sql = {
        id: health
        for health in WebhookHealth
        for id in db.session.scalars(db.select(Webhook.id).where(health_is(health, now)))
    }
    found = {webhook.id: in_sql.get(webhook.id) for webhook in webhooks}
    assert found == {webhook.id: health_of(webhook, now) for webhook in webhooks}
    assert set(found.values()) == {*WebhookHealth, None}
    counted = sum(db.session.scalar(db.select(db.func.count()).where(health_is(name, now))) for name in WebhookHealth)
    assert counted == len(in_sql)  # no webhook has two


def test_the_counts_of_the_list_agree_with_its_rows(app: Flask) -> None:
    make_all_kinds()
    make_webhook(deleted_at=utcnow())
    expected = Counter(
        (webhook.status.value, health_of(webhook, utcnow()) or "")
        for webhook in db.session.scalars(db.select(Webhook).where(Webhook.deleted_at.is_(None)))
    )
    counts = count_kinds()
    assert {(kind.status, kind.health): count for kind, count in counts.items() if count} == expected
    for health in WebhookHealth:
        page = find_page(WebhookFilters(health=health, size=100))
        wanted = sum(count for kind, count in expected.items() if kind[1] == health)
        assert (page.total, len(page.webhooks)) == (wanted, min(wanted, 100))


@pytest.mark.parametrize(
    ("attempts", "health"),
    [
        ([], "no_deliveries"),
        ([(0, True)], "healthy"),
        ([(23, True)], "healthy"),
        ([(24, True)], "no_deliveries"),
        ([(0, False)], "failing"),
        ([(24, True), (23, False)], "failing"),
        ([(5, False), (3, True), (1, False)], "healthy"),
        ([(3, True), (5, False)], "healthy"),  # a slow answer of the hour before
    ],
)
def test_health_is_what_the_last_24_hours_say(app: Flask, attempts: list[tuple[int, bool]], health: str) -> None:
    webhook = make_webhook()
    for hours_ago, succeeded in attempts:
        count_attempts(webhook.id, succeeded=succeeded, hours_ago=hours_ago)
    db.session.refresh(webhook)
    assert health_of(webhook, utcnow()) == health
    series = last_day([webhook.id])[webhook.id]
    shown = "no_deliveries" if not series.total else "healthy" if series.succeeded else "failing"
    assert shown == health  # what the sparkline beside it shows


def test_both_look_back_at_the_same_hours() -> None:
    now = utcnow()
    assert hour_of(RANGES["24h"].start(now)) == first_hour(now)


def test_a_success_is_noted_once_an_hour(app: Flask) -> None:
    webhook = make_webhook()
    at = utcnow()
    made = Attempted(True, 1, at, 200, started_at=at, webhook_id=webhook.id, url=webhook.url)
    written = []
    for _ in range(2):
        with write_transaction() as connection:
            db.event.listen(connection, "before_cursor_execute", lambda *call: written.append(call[2][:6]))
            judge_webhooks(connection, [made], THRESHOLD)
    assert written == ["UPDATE"]  # what is only read doesn't pass SQLAlchemy


def test_an_answer_that_asks_to_wait_is_no_delivery(app: Flask) -> None:
    webhook = make_webhook()
    at = utcnow()
    asked = Attempted(False, 1, at, 429, 600, at, slows_down=True, webhook_id=webhook.id, url=webhook.url)
    db.session.rollback()
    with write_transaction() as connection:
        judge_webhooks(connection, [asked], THRESHOLD)
    db.session.refresh(webhook)
    assert (webhook.attempted_hour, health_of(webhook, at)) == (0, "throttled")
    assert health_of(webhook, at + timedelta(minutes=11)) == "no_deliveries"


def test_indexes_answer_the_filter_and_the_counts(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads a small table without indexes")
    for health in WebhookHealth:
        filters = WebhookFilters(health=health, sort="name", q="any")
        assert "USING INDEX ix_webhooks_by_name" in _plan(partial(find_page, filters), "SELECT webhooks.id")
    assert _plan(count_kinds, "SELECT 0").count("USING INDEX ix_webhooks_counted (environment=? AND active=?") == 12


def _plan(read: Callable[[], object], begin: str) -> str:
    """Return the plan of the first statement of ``read`` that begins so."""
    made: list[str] = []
    connection = db.session.connection()
    driver: Any = connection.connection.dbapi_connection
    driver.set_trace_callback(made.append)  # also sees what doesn't pass SQLAlchemy
    read()
    driver.set_trace_callback(None)
    statement = next(one for one in made if one.startswith(begin))
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
    return "\n".join(row.detail for row in rows)
