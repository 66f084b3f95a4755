"""The pages with many rows ask the database as often for many rows as for few."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.support.factories import make_event, make_webhook
from tests.support.log_rows import add_delivery
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, utcnow


@contextmanager
def statements() -> Iterator[list[str]]:
    """Yield a list of the statements that the block runs, also of those that don't pass SQLAlchemy."""
    made: list[str] = []
    traced: list[Any] = []

    def trace(connection: Any, *_: object) -> None:
        connection.set_trace_callback(made.append)
        traced.append(connection)

    event.listen(db.engine, "checkout", trace)
    try:
        yield made
    finally:
        event.remove(db.engine, "checkout", trace)
        for connection in traced:
            connection.set_trace_callback(None)


def add(count: int) -> None:
    """Add webhooks of all kinds with failed, waiting and delivered deliveries."""
    kinds: list[dict[str, Any]] = [
        {},
        {"throttled_until": utcnow() + timedelta(hours=1)},
        {"retry_schedule": "own", "retry_delays": [5]},
    ]
    for n in range(count):
        make_webhook(name=f"Webhook {count} {n}", rate_limit=1 + n, **kinds[n % 3])
    make_event()
    for n, delivery in enumerate(db.session.scalars(db.select(Delivery).order_by(Delivery.id.desc()).limit(count))):
        delivery.status = ("failed", "pending", "delivered")[n % 3]
        delivery.attempts_count, delivery.outcome, delivery.response_code = 1, "bad_status", 500
    db.session.commit()


@pytest.mark.parametrize("role", ["operator", "super_admin"])
@pytest.mark.parametrize(
    "path",
    [
        "/admin/webhooks",
        "/admin/webhook-deliveries",
        "/admin/webhook-deliveries?status=failed",
        "/admin/webhook-deliveries?status=unfinished",
        "/admin/notices",
        "/admin/audit-log",
        "/admin/team",
        "/admin/api-keys",
    ],
)
def test_more_rows_need_no_more_queries(sign_in: object, role: str, path: str) -> None:
    client: FlaskClient = sign_in(role)  # type: ignore[operator]
    add(4)
    made = []
    for _ in range(2):
        db.session.remove()
        client.get(path)
        db.session.remove()
        with statements() as asked:
            status = client.get(path).status_code
        made.append(len(asked))
        add(16)
    assert status == (200 if role == "super_admin" or path == "/admin/webhooks" else 403)
    assert made[1] <= made[0] + 1, made


def test_who_is_signed_in_and_what_that_requires_is_one_query(sign_in: object) -> None:
    client: FlaskClient = sign_in("admin")  # type: ignore[operator]
    client.get("/admin/webhooks")
    db.session.remove()
    with statements() as asked:
        client.get("/admin/webhooks")
    assert len([each for each in asked if "FROM user" in each or "FROM settings" in each]) == 1


@pytest.mark.parametrize("path", ["/admin/webhook-deliveries", "/admin/webhook-deliveries?status=unfinished"])
def test_many_that_wait_for_the_same_delivery_need_one_query(admin: FlaskClient, path: str) -> None:
    webhook = make_webhook(in_order=True)
    for _ in range(5):
        add_delivery(webhook, in_order=True)
    with statements() as asked:
        page = admin.get(path).text
    assert page.count("waits for an earlier delivery") == 4
    assert len([statement for statement in asked if "min(deliveries.id)" in statement and "in_order" in statement]) == 1
