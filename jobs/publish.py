"""Publish: store events and their deliveries in one transaction, then wake the workers."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask import Flask, current_app
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from jobs.claim import release
from jobs.express import DELIVERIES_MAX, Lanes, Parcel, lanes_of
from jobs.group import groups_of
from jobs.store import Publication, Published, Stored, event_row
from webhooks_ui import audit, counting, logs, tracing
from webhooks_ui.counting import Counters, key_of
from webhooks_ui.database import after_commit, db, reason, write_transaction
from webhooks_ui.database.facts import Fact
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.events.keys import store_keys
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.selection import fields_text
from webhooks_ui.models import Delivery, DeliveryTrigger, Event, Webhook, utcnow
from webhooks_ui.wake import wake

logger = logging.getLogger(__name__)


def publish(
    environment: str, events: Sequence[NewEvent], traceparent: str | None = None, fact: Fact | None = None
) -> list[Published]:
    """Commit ``events`` and a pending delivery for each subscribed active webhook, all or nothing.

    Return the results in the order of ``events``. An event whose id already exists in ``environment`` is not
    stored again, and gets the result of the first one. Events without a time of their own get rising ones, and made
    ids sort in the same way.

    Args:
        traceparent: the publisher's header (W3C Trace Context). Endpoints get it, or one of the same trace.
        fact: what the right to publish rests on.

    Raises:
        OtherContent: an id came again with other content.
        FactChanged: ``fact`` holds no more.
    """
    with tracing.publishing(traceparent, {"webhooks.environment": environment, "webhooks.events": len(events)}) as kept:
        became = publish_each([Publication(environment, events, fact=fact, traceparent=kept)])[0]
        if not isinstance(became, Stored):
            raise became
        tell(counting.of(current_app), environment, became, kept)
    return became.results


def publish_each(publications: Sequence[Publication]) -> list[Stored | Exception]:
    """Commit each of the ``publications`` by itself or together with others, and send its deliveries on.

    Return what became of each, which ``Groups.commit`` describes.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    lanes = lanes_of(app)
    laned = [each._replace(lane=lanes.next() if len(each.events) <= DELIVERIES_MAX else None) for each in publications]
    return groups_of(app).commit(laned, partial(_send_on, lanes))


def _send_on(lanes: Lanes, committed: Sequence[tuple[Publication, Stored]]) -> None:
    """Hand parcels to the workers of their lanes, and wake the workers if there is more to send."""
    at = committed[0][1].at  # the same for all, because they share a transaction
    wanted = sum(result.deliveries for _, stored in committed for result in stored.results)
    parcels: dict[str, list[Parcel]] = defaultdict(list)
    for publication, stored in committed:
        if publication.lane and stored.parcels:
            parcels[publication.lane] += stored.parcels
    handed = sum(_hand_over(lanes, lane, at, own) for lane, own in parcels.items())
    if handed < wanted:
        wake()


def _hand_over(lanes: Lanes, lane: str, at: datetime, parcels: Sequence[Parcel]) -> int:
    """Hand the parcels to the worker of ``lane``. Return how many deliveries it has.

    If it listens no more, its leases are given back, so that nobody waits for their end. The events are committed
    already, so a failure is no error of the publisher: then the leases end by themselves.
    """
    ids = [item.id for parcel in parcels for item in parcel.items]
    if lanes.send(lane, at, parcels):
        return len(ids)
    try:
        with write_transaction() as connection:
            release(connection, utcnow(), lane, ids)
    except SQLAlchemyError as error:
        logger.warning("The leases of %d deliveries can't be given back: %s", len(ids), reason(error))
    return 0


def tell(counters: Counters, environment: str, stored: Stored, traceparent: str | None) -> None:
    """Count what was stored for the metrics, and log the ids of all events."""
    results, new = stored.results, stored.new
    wanted = {result.id: result.deliveries for result in results}
    of_environment = key_of((environment,))
    events, deliveries = len(new), sum([wanted[id] for id in new])
    created = "webhooks_deliveries_created", of_environment
    counters.add({("webhooks_events_published", of_environment): events, created: deliveries})
    if logger.isEnabledFor(logging.INFO):
        about: dict[str, Any] = {"event": results[0].id} if len(results) == 1 else {"events": [*wanted]}
        about |= {"environment": environment, "trace": tracing.trace_id(traceparent)}
        counts = events, len(wanted) - events, sum(wanted.values())
        logger.info("Published. New events: %d, known ones: %d, deliveries: %d.", *counts, extra=logs.ids(**about))


def send_test(webhook: Webhook, event: NewEvent) -> int:
    """Store ``event`` for one webhook alone, even if it is inactive or not subscribed. Return the delivery's id.

    A test is a single attempt without retries. It is stored in the caller's ``writing`` block. The audit log records
    who sent it.
    """
    now, connection = utcnow(), db.session.connection()
    id = event.id or new_event_id(now)
    body = render_body(id, webhook.environment, event, now, is_test=True)
    row = event_row(id, webhook.environment, event, body, now, 1)
    logger.info("A test is sent.", extra=logs.ids(event=row["public_id"], webhook=webhook.id))
    event_id = connection.execute(insert(Event).returning(Event.id), row).scalar_one()
    store_keys(connection, event_id, event.data)
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
