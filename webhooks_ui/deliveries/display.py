"""Prepares a delivery and its attempts for display."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import has_request_context, request
from sqlalchemy import func, select

from webhooks_ui.database import db
from webhooks_ui.deliveries.filters import CODE_CLASSES, STATUS_FILTERS
from webhooks_ui.deliveries.outcomes import Outcome, advise, explain
from webhooks_ui.deliveries.request_headers import Sent, headers_of, merged
from webhooks_ui.deliveries.rows import Shown
from webhooks_ui.events import catalogue
from webhooks_ui.masking import mask_cookies
from webhooks_ui.models import Attempt, Delivery, DeliveryTrigger, Environment, WebhookFormat, utcnow
from webhooks_ui.models.delivery import IN_ORDER, ONE_MORE
from webhooks_ui.models.visible import words
from webhooks_ui.parsing import PRESETS
from webhooks_ui.schedules import delays_of

PRESET_LABELS = {"1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}
CODES_OFFERED = (*CODE_CLASSES, "401", "403", "404", "410", "429", "500", "502", "503", "504")
CHOICES: dict[str, list[tuple[str, str]]] = {
    "status": [("", "All statuses"), *((name, words(name)) for name in STATUS_FILTERS)],
    "environment": [("", "All environments"), *((name, name.capitalize()) for name in Environment)],
    "since": [("", "Any time"), *((name, PRESET_LABELS[name]) for name in PRESETS)],
}
ATTEMPTS_SHOWN = 50  # a limit is needed, because people may retry without end
INLINE_BODY_MAX_BYTES = 16 * 1024  # a longer body is loaded when it is opened
SOON = timedelta(minutes=1)
STALLED = timedelta(seconds=15)


def choices_of(name: str) -> list[tuple[str, str]]:
    """Return the values of a filter of the log, each with its words."""
    if name == "category":
        return [("", "All categories"), *((group, group.capitalize()) for group in catalogue.logged_categories())]
    return CHOICES[name]


def attempts_of(delivery: Delivery) -> Sequence[Attempt]:
    """Return the last attempts of a delivery, newest first.

    The delivery is read again if one of them was recorded since it was read, so that its status fits them.
    """
    query = select(Attempt).filter_by(delivery_id=delivery.id).order_by(Attempt.number.desc()).limit(ATTEMPTS_SHOWN)
    attempts = db.session.scalars(query).all()
    if attempts and attempts[0].number > delivery.attempts_count:
        db.session.refresh(delivery)
    return attempts


def count_of_event(event_id: int) -> int:
    """Return how many deliveries an event has now.

    ``Event.deliveries_count`` is the number at publishing, with which a publisher that repeats the id is answered.
    """
    return db.session.scalar(select(func.count()).where(Delivery.event_id == event_id)) or 0


def attempts_planned(delivery: Shown, settings: Mapping[str, Any]) -> int:
    """Return how many attempts the delivery gets in all if none succeeds."""
    schedule = delivery.webhook.retry_schedule or settings["retry_schedule"]
    planned = delivery.attempts_allowed or len(delays_of(schedule, delivery.webhook.retry_delays))
    return planned + delivery.throttled_count + (delivery.attempts_allowed == ONE_MORE)


def held_by(delivery: Shown) -> str:
    """Return what holds the delivery back, or an empty text.

    It is a state of the webhook (``inactive``, ``failing`` or ``throttled``), its ``secret``, its ``rate limit``, or an
    ``earlier`` delivery of a webhook that keeps the order.
    """
    webhook = delivery.webhook
    if delivery.is_final or delivery.is_under_way:
        return ""
    if webhook.unreadable_at:
        return "secret"  # nothing can be signed, so not even what was forced goes out
    if not delivery.forced and (state := _holding_state(webhook)):
        return state
    if delivery.in_order and _first_in_order(delivery.webhook_id) < delivery.id:
        return "earlier"  # also if it was forced
    if delivery.forced:
        return ""
    return "rate limit" if webhook.is_paced and delivery.due_at and delivery.due_at <= utcnow() else ""


def _holding_state(webhook: Any) -> str:
    """Return the state of the webhook that holds back what isn't forced, or an empty text."""
    if not webhook.active:
        return "inactive"
    if webhook.breaker_opened_at:
        return "failing"
    return "throttled" if webhook.is_throttled else ""


def _first_in_order(webhook_id: int) -> int:
    """Return the id of the delivery that goes out next in a webhook that keeps the order.

    A request asks once for each webhook, because all rows of a page may be of the same one.
    """
    known: dict[int, int] = request.environ.setdefault("webhooks.first_in_order", {}) if has_request_context() else {}
    if webhook_id not in known:
        pending = Delivery.webhook_id == webhook_id, IN_ORDER
        known[webhook_id] = db.session.scalar(select(func.min(Delivery.id)).where(*pending)) or 0
    return known[webhook_id]


def poll_seconds(delivery: Shown) -> int | None:
    """Return how often a page with this delivery should refresh, in seconds. Return ``None`` once it is final."""
    if delivery.is_final:
        return None
    soon = delivery.next_attempt_at is None or delivery.next_attempt_at < utcnow() + SOON
    return 2 if soon and not held_by(delivery) else 30


def poll_soonest(deliveries: Iterable[Shown]) -> int:
    """Return how often a page with all these deliveries should refresh, in seconds."""
    return min((seconds for delivery in deliveries if (seconds := poll_seconds(delivery))), default=30)


def mark(delivery: Shown) -> str:
    """Return a text that changes whenever the row of the delivery does: ``<id>-<status>-<attempts>-<under way>``."""
    return f"{delivery.id}-{delivery.shown_status}-{delivery.attempts_count}-{int(delivery.is_under_way)}"


def explanation(attempt: Attempt, shows_addresses: bool = False) -> str:
    """Return what happened in the attempt.

    Args:
        shows_addresses: Whether the reader may know what a blocked name resolved to. It tells about the inner network.
    """
    hidden = attempt.outcome == Outcome.BLOCKED_ADDRESS and not shows_addresses
    return explain(attempt.outcome, attempt.response_code, "" if hidden else attempt.detail)


def advice(attempt: Attempt) -> str:
    return advise(attempt.outcome, attempt.detail)


def request_headers(delivery: Delivery, attempt: Attempt) -> dict[str, str]:
    """Return the headers of a request as they were sent, but for secrets, which are masked."""
    if attempt.sent_by is None:
        return dict(attempt.kept_headers)
    event = delivery.event
    sent = Sent(
        event.public_id,
        event.type,
        event.environment,
        len(request_body(delivery, attempt)),
        attempt.number,
        int(attempt.started_at.timestamp()),
        attempt.signature or "",
        delivery.trigger == DeliveryTrigger.TEST,
        event.traceparent,
        attempt.sent_by,
        delivery.trigger == DeliveryTrigger.REPLAY,
    )
    return merged(headers_of(sent), attempt.kept_headers)


def request_body(delivery: Delivery, attempt: Attempt) -> bytes:
    """Return the body of a request as it was sent."""
    body: bytes = delivery.event.body if attempt.request_body is None else attempt.request_body
    return body


def header_lines(headers: Mapping[str, Any] | Sequence[Sequence[Any]]) -> str:
    """Return headers as lines of ``name: value``. In a list of pairs, a name may repeat."""
    pairs = headers.items() if isinstance(headers, Mapping) else mask_cookies(headers)
    return "\n".join(f"{name}: {value}" for name, value in pairs)


def decoded(body: bytes | None) -> str:
    """Return a body as text. Bytes that aren't UTF-8 become replacement characters."""
    return (body or b"").decode("utf-8", "replace")


def is_sent_as_published(delivery: Delivery, attempts: Iterable[Attempt]) -> bool:
    """Return True if the requests have the event's own bytes, and no format changes them."""
    return delivery.webhook.format == WebhookFormat.JSON and all(attempt.request_body is None for attempt in attempts)


def body_file(delivery_id: int, attempt: int | None = None) -> str:
    """Return the name of the file with the body of an event, or with the own body of one attempt."""
    return f"delivery-{delivery_id}-attempt-{attempt}.json" if attempt else f"delivery-{delivery_id}.json"


def as_curl(delivery: Delivery, attempt: Attempt) -> str:
    """Return a shell command that repeats the request of the attempt. It reads a long body from the downloaded file."""
    body = request_body(delivery, attempt)
    data = decoded(body)
    if len(body) > INLINE_BODY_MAX_BYTES:
        data = f"@{body_file(delivery.id, None if attempt.request_body is None else attempt.number)}"
    options = [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in request_headers(delivery, attempt).items()]
    parts = [f"curl -X POST {shlex.quote(attempt.url)}", *options, f"--data-binary {shlex.quote(data)}"]
    return " \\\n  ".join(parts)
