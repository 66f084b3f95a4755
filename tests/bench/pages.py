"""Measures the server time of the pages with many rows, in one process and without the network."""

import re
import time
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import text

from config import load
from tests.bench.latency import percentiles
from tests.bench.numbers import numbers
from tests.support.factories import make_user, make_webhook
from tests.support.http import HTMX
from tests.support.rig import rig
from webhooks_ui import create_app
from webhooks_ui.database import db, write_transaction
from webhooks_ui.models import Delivery, Event, Webhook
from webhooks_ui.run.gunicorn_conf import when_ready

PASSWORD = "a bench password"
DELIVERIES_OF_EVENT = 5


def server_times(database: str, webhooks: int, deliveries: int, times: int) -> dict[str, dict[str, float]]:
    """Return the percentiles in milliseconds of each page, from ``times`` visits.

    Args:
        webhooks: The number of webhooks in the database.
        deliveries: The number of deliveries in the log.
    """
    with rig(database) as instance:
        app = create_app(load(instance.environ) | {"WTF_CSRF_ENABLED": False})
        with app.app_context():
            make_user(role="super_admin", password=PASSWORD)
            fill(webhooks, deliveries)
            middle = db.session.scalar(db.select(Webhook.id).order_by(Webhook.id).offset(webhooks // 2).limit(1))
            last = db.session.scalar(db.select(db.func.max(Delivery.id)))
            db.session.remove()
        client = app.test_client()
        client.post("/login", data={"email": "admin@example.com", "password": PASSWORD})
        events = max(1, deliveries // DELIVERIES_OF_EVENT)

        def _any(n: int) -> str:
            """Return what stands in the keys of one of the events alone."""
            return f"{n * 7_919 % events + 1:08}"

        pages: dict[str, Callable[[int], object]] = {
            "list": lambda n: get(client, "/admin/webhooks"),
            "list, page 200": lambda n: get(client, "/admin/webhooks?page=200"),
            "search": lambda n: get(client, f"/admin/webhooks?q=customer {n}"),
            "search, no match": lambda n: get(client, f"/admin/webhooks?q=nothing{n}"),
            "filter": lambda n: get(client, "/admin/webhooks?environment=staging&status=inactive"),
            "filter by health": lambda n: get(client, "/admin/webhooks?environment=staging&health=no_deliveries"),
            "toggle": lambda n: toggle(client, middle, n),
            "webhook": lambda n: get(client, f"/admin/webhooks/{middle}"),
        }
        if last:
            log = "/admin/webhook-deliveries"
            following = next_page(client, log)
            pages |= {
                "deliveries": lambda n: get(client, log),
                "deliveries, next page": lambda n: get(client, following),
                "deliveries, failed": lambda n: get(client, f"{log}?status=failed"),
                "deliveries, 5xx in staging": lambda n: get(client, f"{log}?code=5xx&environment=staging"),
                "deliveries, search": lambda n: get(client, f"{log}?q=customer {n}"),
                "deliveries, license key": lambda n: get(client, f"{log}?q=lic-{_any(n)}"),
                "deliveries, beginning of an email": lambda n: get(client, f"{log}?q=person{_any(n)}@"),
                "deliveries, product of each 20th event": lambda n: get(client, f"{log}?q=product-{n % 20}"),
                "palette, license key": lambda n: get(client, f"/admin/palette?q=lic-{_any(n)}"),
                "delivery": lambda n: get(client, f"{log}/{last - n}"),
            }
        when_ready(None)
        results = {}
        for name, visit in pages.items():
            visit(0)
            results[name] = percentiles([_milliseconds(visit, n) for n in range(1, times + 1)])
        return results


def get(client: FlaskClient, path: str) -> str:
    """Return the fragment at ``path``."""
    response = client.get(path, headers=HTMX)
    if response.status_code != 200:
        raise RuntimeError(f"{path}: {response.status}")
    return response.text


def next_page(client: FlaskClient, path: str) -> str:
    """Return the address in the link to the next page."""
    found = re.search(r'href="([^"]*cursor=[^"]+)"', get(client, path))
    if not found:
        raise RuntimeError(f"{path} has no next page")
    return found[1].replace("&amp;", "&")


def toggle(client: FlaskClient, webhook_id: int, number: int) -> None:
    wanted = "true" if number % 2 else "false"
    response = client.post(f"/admin/webhooks/{webhook_id}/active", data={"active": wanted}, headers=HTMX)
    if response.status_code != 200:
        raise RuntimeError(f"toggle: {response.status}")


def _milliseconds(visit: Callable[[int], object], number: int) -> float:
    started = time.perf_counter()
    visit(number)
    return (time.perf_counter() - started) * 1_000


def fill(webhooks: int, deliveries: int) -> None:
    """Make rows inside the database: webhooks in all environments, events with keys, and deliveries in all states."""
    first = make_webhook(name="Customer 0", event_types=["license.activated", "license.expired"])
    first_id = first.id
    db.session.rollback()  # an open transaction would not see the new rows
    written = ("id", "name", "url", "environment", "active", "name_key", "search_text")
    copied = ", ".join(column.name for column in Webhook.__table__.c if column.name not in written)
    environment = "CASE n % 3 WHEN 0 THEN 'production' WHEN 1 THEN 'staging' ELSE 'development' END"
    code = "CASE WHEN n % 50 = 0 THEN 503 ELSE 200 END"
    status = "CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 9999 = 0 THEN 'cancelled' ELSE 'delivered' END"
    with write_transaction() as connection:
        postgresql = connection.dialect.name == "postgresql"

        def run(statement: str, count: int) -> None:
            connection.execute(text(statement.replace("NUMBERS", numbers(connection, count))))

        true_or_false = "n % 7 <> 0" if postgresql else "(n % 7 <> 0)"
        run(
            f"INSERT INTO webhooks (name, url, environment, active, name_key, search_text, {copied})"
            f" SELECT 'Customer ' || n, 'https://customer-' || n || '.example.com/hooks', {environment},"
            f" {true_or_false}, 'customer ' || n,"
            " 'customer ' || n || ' https://customer-' || n || '.example.com/hooks',"
            f" {copied} FROM webhooks, NUMBERS WHERE id = {first_id}",
            webhooks - 1,
        )
        run(
            "INSERT INTO subscriptions (webhook_id, event_type)"
            " SELECT id, event_type FROM webhooks, subscriptions, NUMBERS"
            f" WHERE webhook_id = {first_id} AND id <> {first_id}",
            1,
        )
        if deliveries:
            events = deliveries // DELIVERIES_OF_EVENT + 1
            body = "'{}'::bytea" if postgresql else "x'7b7d'"
            run(
                "INSERT INTO events (public_id, type, environment, body, deliveries_count, created_at)"
                f" SELECT 'evt_' || n, 'license.activated', 'production', {body}, {DELIVERIES_OF_EVENT},"
                " '2026-11-01 00:00:00.000000' FROM NUMBERS",
                events,
            )
            event_id = connection.execute(db.select(db.func.min(Event.id))).scalar_one()
            number = "lpad(id::text, 8, '0')" if postgresql else "printf('%08d', id)"
            for key in (f"'lic-' || {number}", f"'person' || {number} || '@example.com'", "'product-' || (id % 20)"):
                connection.execute(text(f"INSERT INTO event_keys (value, event_id) SELECT {key}, id FROM events"))
            made = (
                "TIMESTAMPTZ '2026-11-01' + n * INTERVAL '400 milliseconds'"
                if postgresql
                else "strftime('%Y-%m-%d %H:%M:%S.000000', '2026-11-01', (n * 0.4) || ' seconds')"
            )
            run(
                "INSERT INTO deliveries (event_id, webhook_id, event_type, environment, trigger, status, forced,"
                " attempts_count, response_code, outcome, duration_ms, last_attempt_at, created_at)"
                f" SELECT {event_id} + n / {DELIVERIES_OF_EVENT}, {first_id} + n % {webhooks}, 'license.activated',"
                f" {environment}, 'event',"
                f" {status}, false, 1, {code}, 'delivered', 40, {made}, {made} FROM NUMBERS",
                deliveries,
            )
    with db.engine.connect().execution_options(without_begin=True) as connection:  # as autovacuum does
        connection.exec_driver_sql("VACUUM (ANALYZE)" if postgresql else "ANALYZE")
