"""The rows of the log tell of a delivery what the delivery itself tells."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.both_databases import database_url
from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries import display
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.pages import find_page
from webhooks_ui.deliveries.rows import of_ids
from webhooks_ui.models import Webhook, get_settings, utcnow

__all__ = ["database_url"]

SOON = timedelta(minutes=5)
NAMES = ("id", "shown_status", "is_final", "is_under_way", "next_attempt_at", "created_at", "last_attempt_at")


@pytest.mark.parametrize(
    ("of_webhook", "of_delivery"),
    [
        ({}, {}),
        ({}, {"attempts_count": 2, "response_code": 500, "outcome": "bad_status"}),
        ({}, {"lease_token": "a worker", "due_at": utcnow() + SOON}),
        ({}, {"forced": True}),
        ({"active": False}, {}),
        ({"throttled_until": utcnow() + SOON, "retry_schedule": "own", "retry_delays": [5]}, {}),
        ({"breaker_opened_at": utcnow(), "probe_at": utcnow() + SOON}, {"attempts_count": 1}),
        ({}, {"status": "delivered", "attempts_count": 1, "last_attempt_at": utcnow()}),
    ],
)
def test_a_row_tells_what_the_delivery_tells(
    of_webhook: dict[str, Any], of_delivery: dict[str, Any], app: Flask
) -> None:
    delivery = make_delivery(make_webhook(), **of_delivery)
    db.session.execute(update(Webhook).values({"name": "Any", **of_webhook}))
    db.session.commit()
    (row,) = find_page(DeliveryFilters()).deliveries
    assert [getattr(row, name) for name in NAMES] == [getattr(delivery, name) for name in NAMES]
    assert (row.webhook.name, row.event.public_id) == (delivery.webhook.name, delivery.event.public_id)
    for tell in (display.mark, display.held_by, display.poll_seconds):
        assert tell(row) == tell(delivery)
    assert display.attempts_planned(row, get_settings()) == display.attempts_planned(delivery, get_settings())


def test_rows_come_in_the_order_of_their_ids_and_without_those_that_are_gone(app: Flask) -> None:
    first, second = (make_delivery(make_webhook(name=name)).id for name in ("One", "Two"))
    assert [row.id for row in of_ids([second, first])] == [second, first]
    assert [row.webhook.name for row in of_ids([second + 1, first])] == ["One"]
    assert of_ids([]) == []
