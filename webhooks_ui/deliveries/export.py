"""Exports the delivery log as CSV and JSON in batches of rows, so that a long log needs no more memory."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from sqlalchemy import select

from webhooks_ui import audit
from webhooks_ui.database import db, release
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.search import search
from webhooks_ui.deliveries.walk import next_ids
from webhooks_ui.models import Delivery, Event, Webhook

BATCH_ROWS = 500
BYTE_ORDER_MARK = "\ufeff"
# Source: OWASP, "CSV Injection". The last four are the same signs in full width, as Excel takes them in Japanese.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

COLUMNS: dict[str, Any] = {
    "id": Delivery.id,
    "event_id": Event.public_id,
    "event_type": Delivery.event_type,
    "environment": Delivery.environment,
    "webhook_id": Delivery.webhook_id,
    "webhook": Webhook.name,
    "url": Webhook.url,
    "trigger": Delivery.trigger,
    "status": Delivery.shown_status,
    "attempts_count": Delivery.attempts_count,
    "response_code": Delivery.response_code,
    "outcome": Delivery.outcome,
    "duration_ms": Delivery.duration_ms,
    "created_at": Delivery.created_at,
    "last_attempt_at": Delivery.last_attempt_at,
    "next_attempt_at": Delivery.next_attempt_at,
}


def record_export(format: str, filters: DeliveryFilters) -> None:
    """Write to the audit log that somebody takes the deliveries that match ``filters``. The caller commits."""
    audit.record("delivery.exported", "delivery", None, after={"format": format, **filters.args})


def csv_lines(filters: DeliveryFilters) -> Iterator[str]:
    """Yield CSV (RFC 4180) headed by ``COLUMNS``, newest first.

    It begins with a byte order mark, so that spreadsheets read it as UTF-8. Times are in UTC, in the form that
    spreadsheets take for times. A text that a spreadsheet would run as a formula gets a ``'``.
    """
    yield BYTE_ORDER_MARK + _csv([list(COLUMNS)])
    for batch in _batches(filters):
        yield _csv([_as_cell(value) for value in row.values()] for row in batch)


def json_lines(filters: DeliveryFilters) -> Iterator[str]:
    """Yield one JSON array with an object per line, newest first."""
    separator = "["
    for batch in _batches(filters):
        for row in batch:
            yield f"{separator}\n{json.dumps(row, ensure_ascii=False, default=datetime.isoformat)}"
            separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def _batches(filters: DeliveryFilters) -> Iterator[list[Mapping[str, Any]]]:
    """Yield all rows that the filters match. No transaction stays open between two batches."""
    found = search(filters)
    columns = [column.label(name) for name, column in COLUMNS.items()]
    query = select(*columns).join(Delivery.webhook).join(Delivery.event).order_by(Delivery.id.desc())
    place: int | None = highest_id(Delivery) + 1
    while place is not None:
        ids, place = next_ids(found, place, BATCH_ROWS)
        rows = db.session.execute(query.where(Delivery.id.in_(ids))).mappings().all()
        release()
        yield [dict(row) for row in rows]


def _as_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _csv(rows: Iterable[list[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
