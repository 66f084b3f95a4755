"""Publish: store events and their deliveries in one transaction, then wake the workers."""

import logging
from collections.abc import Sequence
from typing import Any

from flask import current_app
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from jobs.claim import release
from jobs.express import DELIVERIES_MAX, Lanes, lanes_of
from jobs.store import Published, Stored, event_row, store
from webhooks_ui import audit, logs, tracing
from webhooks_ui.counting import count
from webhooks_ui.database import after_commit, db, reason, write_transaction
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.new_event import NewEvent, new_event_id
from webhooks_ui.events.selection import fields_text
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, Webhook, utcnow
from webhooks_ui.wake import wake

logger = logging.getLogger(__name__)


def publish(environment: str, events: Sequence[NewEvent], traceparent: str | None = None) -> list[Published]:
    """Commit ``events`` and a pending delivery for each subscribed active webhook, all or nothing.

    Return the results in the order of ``events``. An event whose id already exists in ``environment`` is not
    stored again, and gets the result of the first one. Events without a time of their own get rising ones, and made
    ids sort in the same way.

    Args:
        traceparent: the publisher's header (W3C Trace Context). Endpoints get it, or one of the same trace.

    Raises:
        OtherContent: an id came again with other content.
    """
    with tracing.publishing(traceparent, {"webhooks.environment": environment, "webhooks.events": len(events)}) as kept:
        lanes = lanes_of(current_app._get_current_object())  # type: ignore[attr-defined]
        lane = lanes.next() if len(events) <= DELIVERIES_MAX else None
        with write_transaction() as connection:
            stored = store(connection, environment, events, traceparent=kept, lane=lane)
        handed = _hand_over(lanes, lane, stored) if lane else 0
        if handed < sum(result.deliveries for result in stored.results):
            wake()
        _tell(environment, stored.results, stored.new, kept)
    return stored.results


def _hand_over(lanes: Lanes, lane: str, stored: Stored) -> int:
    """Hand the parcels to the worker of ``lane``. Return how many deliveries it has.

    If it listens no more, its leases are given back, so that nobody waits for their end. The events are committed
    already, so a failure is no error of the publisher: then the leases end by themselves.
    """
    ids = [item.id for parcel in stored.parcels for item in parcel.items]
    if not ids or lanes.send(lane, stored.at, stored.parcels):
        return len(ids)
    try:
        with write_transaction() as connection:
            release(connection, utcnow(), lane, ids)
    except SQLAlchemyError as error:
        logger.warning("The leases of %d deliveries can't be given back: %s", len(ids), reason(error))
    return 0


def _tell(environment: str, results: Sequence[Published], stored: set[str], traceparent: str | None) -> None:
    """Count what was stored, and log the ids of all events."""
    wanted = {result.id: result.deliveries for result in results}
    count("webhooks_events_published", environment, amount=len(stored))
    count("webhooks_deliveries_created", environment, amount=sum(wanted[id] for id in stored))
    if logger.isEnabledFor(logging.INFO):
        about: dict[str, Any] = {"event": results[0].id} if len(results) == 1 else {"events": [*wanted]}
        about |= {"environment": environment, "trace": tracing.trace_id(traceparent)}
        counts = len(stored), len(wanted) - len(stored), sum(wanted.values())
        logger.info("Published. New events: %d, known ones: %d, deliveries: %d.", *counts, extra=logs.ids(**about))


def send_test(webhook: Webhook, event: NewEvent) -> int:
    """Store ``event`` for one webhook alone, even if it is inactive or not subscribed. Return the delivery's id.

    A test is a single attempt without retries. It is stored in the caller's ``writing`` block. The audit log records
    who sent it.
    """
    now, connection = utcnow(), db.session.connection()
    row = event_row(event.id or new_event_id(now), webhook.environment, event, now, now, 1, is_test=True)
    logger.info("A test is sent.", extra=logs.ids(event=row["public_id"], webhook=webhook.id))
    event_id = connection.execute(insert(Event).returning(Event.id), row).scalar_one()
    delivery = new_delivery(
        event_id,
        event.type,
        webhook.id,
        webhook.environment,
        now,
        trigger=DeliveryTrigger.TEST,
        attempts_allowed=1,
        forced=True,
        fields=fields_text(webhook.fields),
    )
    delivery_id = connection.execute(insert(Delivery).returning(Delivery.id), delivery).scalar_one()
    audit.record("webhook.tested", "webhook", webhook.id, webhook.name, after={"type": event.type})
    after_commit(wake)
    return delivery_id
