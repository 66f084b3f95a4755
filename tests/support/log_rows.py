"""Functions that make rows for the delivery log. Each event goes to only one webhook."""

import json
from typing import Any

from tests.support.factories import make_webhook
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import new_event_id
from webhooks_ui.models import Attempt, Delivery, Event, Webhook, utcnow


def add_delivery(webhook: Webhook | None = None, data: Any = None, **fields: Any) -> Delivery:
    """Make a pending delivery of a new event to only ``webhook`` (default: a new one). ``fields`` set its columns."""
    webhook = webhook or make_webhook()
    kind, environment, now = webhook.event_types[0], webhook.environment, utcnow()
    public_id = new_event_id(now)
    body = json.dumps({"id": public_id, "type": kind, "data": data or {"id": "1"}}, separators=(",", ":")).encode()
    event = Event(public_id=public_id, type=kind, environment=environment, body=body, deliveries_count=1)
    values = {"event_type": kind, "environment": environment, "due_at": now, "created_at": now} | fields
    delivery = Delivery(event=event, webhook=webhook, **values)
    db.session.add(delivery)
    db.session.commit()
    return delivery


def settle(delivery: Delivery, code: int = 200, **fields: Any) -> Delivery:
    """Set the delivery to the state that a worker leaves after an answer of ``code``."""
    values = {
        "status": "delivered" if code == 200 else "failed",
        "response_code": code,
        "outcome": "delivered" if code == 200 else "bad_status",
        "attempts_count": 1,
        "duration_ms": 12,
        "last_attempt_at": utcnow(),
        "due_at": None,
    } | fields
    with writing():
        for name, value in values.items():
            setattr(delivery, name, value)
    return delivery


def add_attempt(delivery: Delivery, **fields: Any) -> Attempt:
    """Make an attempt with the answer 500, unless ``fields`` say otherwise."""
    values = {
        "delivery_id": delivery.id,
        "number": 1,
        "started_at": utcnow(),
        "duration_ms": 31,
        "outcome": "bad_status",
        "url": delivery.webhook.url,
        "address": "203.0.113.7:443",
        "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "kept_headers": {"webhook-id": delivery.event.public_id, "X-Webhook-Attempt": "1"},
        "response_code": 500,
        "response_headers": [["Content-Type", "text/html"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
        "response_body": b"<b>broken</b>",
    } | fields
    attempt = Attempt(**values)
    with writing():
        db.session.add(attempt)
    return attempt
