"""The delivery log as a file, a batch of rows at a time."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from webhooks_ui.delivery_filters import DeliveryFilters
from webhooks_ui.delivery_search import search
from webhooks_ui.delivery_walk import by_id, next_ids
from webhooks_ui.extensions import db
from webhooks_ui.ids_by_time import highest_id
from webhooks_ui.models import Delivery

BATCH_ROWS = 500
COLUMNS = (
    "id",
    "event_id",
    "event_type",
    "environment",
    "webhook_id",
    "webhook",
    "url",
    "trigger",
    "status",
    "attempts_count",
    "response_code",
    "outcome",
    "duration_ms",
    "created_at",
    "last_attempt_at",
    "next_attempt_at",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(filters: DeliveryFilters) -> Iterator[str]:
    """Lines of CSV (RFC 4180), headed by ``COLUMNS``. What a spreadsheet would run as a formula is quoted by a ``'``."""
    yield _csv_line(list(COLUMNS))
    for row in _rows(filters):
        yield _csv_line([_harmless(row[name]) for name in COLUMNS])


def as_json(filters: DeliveryFilters) -> Iterator[str]:
    """One JSON array, an object a line."""
    separator = "["
    for row in _rows(filters):
        yield f"{separator}\n{json.dumps(row, ensure_ascii=False)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def _rows(filters: DeliveryFilters) -> Iterator[dict[str, Any]]:
    """All that the filters show, newest first; no transaction stays open longer than a batch takes."""
    found = search(filters)
    place: int | None = highest_id(Delivery) + 1
    while place is not None:
        ids, place = next_ids(found, place, BATCH_ROWS)
        query = select(Delivery).options(joinedload(Delivery.webhook), joinedload(Delivery.event))
        rows = [
            _row(delivery) for delivery in db.session.scalars(query.where(Delivery.id.in_(ids)).order_by(by_id(True)))
        ]
        db.session.rollback()
        db.session.expunge_all()
        yield from rows


def _row(delivery: Delivery) -> dict[str, Any]:
    special = {
        "event_id": delivery.event.public_id,
        "webhook": delivery.webhook.name,
        "url": delivery.webhook.url,
        "status": delivery.shown_status,
    }
    return {name: _plain(special[name] if name in special else getattr(delivery, name)) for name in COLUMNS}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _csv_line(cells: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
