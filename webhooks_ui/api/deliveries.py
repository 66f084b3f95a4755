"""/api/v1/deliveries: the deliveries of the key's environment."""

from typing import Any

from flask import Response, jsonify, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from webhooks_ui.api.body import refuse_fields
from webhooks_ui.api.keys import caller
from webhooks_ui.api.query import wrong_parameters
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries import changes
from webhooks_ui.deliveries.display import attempts_of, decoded, explanation, request_headers
from webhooks_ui.deliveries.filters import CODE_CLASSES, SORTS, STATUS_FILTERS, DeliveryFilters
from webhooks_ui.deliveries.pages import Cursor, find_page
from webhooks_ui.deliveries.rows import Shown
from webhooks_ui.masking import mask_cookies
from webhooks_ui.models import Attempt, Delivery
from webhooks_ui.parsing import PRESETS, TEXT_MAX_CHARACTERS
from webhooks_ui.web.problem import Problem

TIMES = f"a time such as 2026-11-23T10:00:00Z, a date, or one of {', '.join(PRESETS)}"
FILTERS = {
    "q": f"up to {TEXT_MAX_CHARACTERS} characters that can be read: an event's or a delivery's id, a license key, an "
    "email address or an id in the event's data, a group of event types such as license.*, or a part of an event type, "
    "of a webhook's name or of its URL",
    "category": "a group of event types, such as license",
    "status": f"one of {', '.join(STATUS_FILTERS)}",
    "code": f"a status code such as 503, or one of {', '.join(CODE_CLASSES)}",
    "webhook": "the id of a webhook",
    "action": "the id of a bulk action that made them due",
    "since": TIMES,
    "until": TIMES,
    "sort": f"one of {', '.join(SORTS)}",
}
PARAMETERS = (*FILTERS, "cursor")


def index() -> Response:
    """Return a page of the matching deliveries, newest first by default."""
    filters = _filters()
    page = find_page(filters, _cursor(filters.sort))
    return jsonify(data=[as_json(delivery) for delivery in page.deliveries], next_cursor=page.next)


def show(delivery_id: int) -> Response:
    """Return one delivery with its body and its last attempts."""
    delivery = _get(delivery_id)
    attempts = [_attempt_as_json(delivery, attempt) for attempt in reversed(attempts_of(delivery))]
    return jsonify(
        as_json(delivery)
        | {"body": decoded(delivery.event.body), "schema_note": delivery.event.note, "attempts": attempts}
    )


def retry(delivery_id: int) -> tuple[Response, int, dict[str, str]]:
    """Make one more attempt now."""
    refuse_fields()
    with writing():
        delivery = _get(delivery_id)
        if not changes.retry([delivery_id]):
            db.session.refresh(delivery.webhook)  # it may have been deleted since it was read
            raise Problem(409, f"Not retried: {_why_not(delivery)}.")
    return jsonify(as_json(_get(delivery_id))), 202, {"Location": url_for("api.delivery", delivery_id=delivery_id)}


def _why_not(delivery: Delivery) -> str:
    if delivery.webhook.is_deleted:
        return "its webhook was deleted"
    if delivery.is_left_behind:
        return "its webhook gets events of another environment now"
    return "an attempt is in progress"


def as_json(delivery: Shown) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event_id": delivery.event.public_id,
        "event_type": delivery.event_type,
        "environment": delivery.environment,
        "webhook_id": delivery.webhook_id,
        "trigger": delivery.trigger,
        "status": delivery.shown_status,
        "attempts_count": delivery.attempts_count,
        "response_code": delivery.response_code,
        "outcome": delivery.outcome,
        "duration_ms": delivery.duration_ms,
        "created_at": delivery.created_at.isoformat(),
        "last_attempt_at": delivery.last_attempt_at and delivery.last_attempt_at.isoformat(),
        "next_attempt_at": delivery.next_attempt_at and delivery.next_attempt_at.isoformat(),
    }


def _attempt_as_json(delivery: Delivery, attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "duration_ms": attempt.duration_ms,
        "outcome": attempt.outcome,
        "explanation": explanation(attempt),
        "url": attempt.url,
        "address": attempt.address,
        "tls": attempt.tls,
        "request_headers": request_headers(delivery, attempt),
        "request_body": None if attempt.request_body is None else decoded(attempt.request_body),
        "response_code": attempt.response_code,
        "response_headers": mask_cookies(attempt.response_headers),
        "response_body": None if attempt.response_body is None else decoded(attempt.response_body),
        "response_truncated": attempt.response_truncated,
    }


def _filters() -> DeliveryFilters:
    """Return the filters in the query string, limited to the key's environment.

    Raises:
        Problem: 422, with an entry per invalid value. The pages ignore such values.
    """
    filters = DeliveryFilters.parse(request.args)
    if wrong := [name for name in FILTERS if name in filters.wrong or _is_wrong(name, getattr(filters, name))]:
        raise wrong_parameters({name: f"{name} is {FILTERS[name]}." for name in wrong})
    return filters.with_(environment=caller().environment)


def _is_wrong(name: str, understood: str) -> bool:
    """Return True if a value is empty or wasn't understood as it came. The text of a search is free."""
    if name == "q":
        return False
    return any(not value or value.lower() != understood.lower() for value in request.args.getlist(name))


def _cursor(sort: str) -> str:
    text = request.args.get("cursor")
    if text is None:
        return ""
    if Cursor.parse(text, sort) is None:
        raise wrong_parameters({"cursor": f"cursor is the next_cursor of an earlier answer with sort={sort}."})
    return text


def _get(delivery_id: int) -> Delivery:
    """Return the delivery.

    Raises:
        Problem: 404 if it doesn't exist or belongs to another environment than the key.
    """
    query = select(Delivery).options(joinedload(Delivery.event), joinedload(Delivery.webhook))
    delivery: Delivery | None = db.session.scalar(query.filter_by(id=delivery_id, environment=caller().environment))
    if delivery is None:
        raise Problem(404)
    return delivery
