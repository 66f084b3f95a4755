"""What a live page asks for is answered by an index, however long the log is, on both databases."""

import pytest
from flask import Flask
from sqlalchemy import event, text

from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery
from webhooks_ui.database import db
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.following import Seen
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.pages import find_page
from webhooks_ui.models import Delivery
from webhooks_ui.views.webhooks.show import recent

__all__ = ["database_url"]

ROWS = 20_000  # enough that each database prefers an index to reading the table
COPY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO deliveries (event_id, webhook_id, event_type, environment, "trigger", status, forced, attempts_count,
                        throttled_count, in_order, created_at)
SELECT event_id, webhook_id, event_type, environment, "trigger", 'delivered', forced, 1, 0, in_order, created_at
FROM deliveries, n
"""
FILTERS = [DeliveryFilters(), DeliveryFilters(environment="production"), DeliveryFilters(status="failed")]


@pytest.fixture
def webhook_id(app: object) -> int:
    """Make a long log of one webhook. Return its id."""
    webhook = make_webhook()
    add_delivery(webhook)
    db.session.execute(text(COPY), {"rows": ROWS})
    db.session.commit()
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return webhook.id


def plans(made: list[tuple[str, object]]) -> str:
    """Return how the database answers statements, as it says itself."""
    connection, lines = db.session.connection(), []
    explain = "EXPLAIN QUERY PLAN " if db.engine.dialect.name == "sqlite" else "EXPLAIN "
    for statement, parameters in made:
        found = connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]
        lines += [str(row[-1]) for row in found]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("mark", "filters", "may_differ"),
    [
        ("1-delivered-1-0", DeliveryFilters(), False),
        ("1-pending-0-0", DeliveryFilters(), True),
        ("1-retrying-1-0", DeliveryFilters(), True),
        ("1-delivered-1-0", DeliveryFilters(status="delivered"), True),
        ("1-delivered-1-0", DeliveryFilters(code="2xx"), True),
        ("1-delivered-1-0", DeliveryFilters(q="orders"), False),
    ],
)
def test_without_new_deliveries_a_page_may_differ_only_by_attempts(
    app: Flask, mark: str, filters: DeliveryFilters, may_differ: bool
) -> None:
    assert Seen((mark,)).may_differ(filters) == may_differ


def test_each_question_of_a_live_page_is_answered_by_an_index(webhook_id: int) -> None:
    made: list[tuple[str, object]] = []

    def note(*arguments: object) -> None:
        made.append((str(arguments[2]), arguments[3]))

    newest = highest_id(Delivery)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert not Seen((), newest).may_differ(DeliveryFilters())
        recent(webhook_id)
        for filters in FILTERS:
            find_page(filters)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(made) >= 2 + len(FILTERS)
    found = plans(made)
    assert "SCAN deliveries" not in found.replace("SCAN deliveries USING", ""), found
    assert "Seq Scan on deliveries" not in found, found
