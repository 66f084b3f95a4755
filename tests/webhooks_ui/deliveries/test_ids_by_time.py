"""Rows are found by time through their ids, also if the clock was wrong for a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.ids_by_time import first_id_at
from webhooks_ui.models import Event

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = 200
WRONG = range(97, 103)


def fill(ahead: timedelta) -> list[int]:
    """Make an event each hour, and each third id missing. The clock is ``ahead`` in the ``WRONG`` hours."""
    rows: list[dict[str, Any]] = [
        {
            "id": hour + hour // 2,
            "public_id": f"evt_{hour}",
            "type": "license.created",
            "environment": "production",
            "body": b"{}",
            "created_at": BEGIN + hour * HOUR + (ahead if hour in WRONG else timedelta()),
        }
        for hour in range(1, HOURS)
    ]
    with writing():
        db.session.execute(insert(Event), rows)
    return [row["id"] for row in rows]


@pytest.mark.parametrize("years", [0, 10, -10])
def test_the_first_row_at_a_time_is_found_whatever_the_clock_said_for_a_moment(app: Flask, years: int) -> None:
    ids = fill(timedelta(days=365 * years))
    for hour in (1, 2, 3, 50, 70, 130, 150, 198, 199):
        before = first_id_at(Event, BEGIN + hour * HOUR - timedelta(minutes=1))
        assert next(id for id in ids if id >= before) == ids[hour - 1], hour
    assert first_id_at(Event, BEGIN) == ids[0]
    assert first_id_at(Event, BEGIN + HOURS * HOUR) == ids[-1] + 1


def test_without_rows_the_first_id_is_after_none(app: Flask) -> None:
    assert first_id_at(Event, BEGIN) <= 1
