"""/api/v1/webhooks: those of the key's environment."""

from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from jobs.publish import NewEvent, publish_test
from jobs.wake import wake
from webhooks_ui import audit, strict_json, webhook_changes
from webhooks_ui.api.body import read_json, read_optional_json
from webhooks_ui.api.keys import caller
from webhooks_ui.api.problem import Problem, field_error
from webhooks_ui.api.query import ID_MAX, LIMIT_DEFAULT, LIMIT_MAX, read_number, refuse_unknown
from webhooks_ui.api.webhook_body import read_changes, read_new
from webhooks_ui.event_input import WrongEvent, check_event
from webhooks_ui.event_types import EVENT_TYPES
from webhooks_ui.extensions import db, start_writing
from webhooks_ui.models import Webhook


def index() -> Response:
    """A page of webhooks, newest first."""
    refuse_unknown(["limit", "cursor"])
    limit, below = read_number("limit", LIMIT_DEFAULT, LIMIT_MAX), read_number("cursor", ID_MAX, ID_MAX)
    query = (
        select(Webhook)
        .where(Webhook.environment == caller().environment, Webhook.deleted_at.is_(None), Webhook.id < below)
        .order_by(Webhook.id.desc())
        .limit(limit + 1)
        .options(selectinload(Webhook.subscriptions))
    )
    found = list(db.session.scalars(query))
    next_cursor = str(found[limit - 1].id) if len(found) > limit else None
    return jsonify(data=[as_json(webhook) for webhook in found[:limit]], next_cursor=next_cursor)


def show(webhook_id: int) -> Response:
    return jsonify(as_json(_get(webhook_id)))


def create() -> tuple[Response, int, dict[str, str]]:
    """Create a webhook; its secret is in this answer and in no other."""
    fields = read_new(read_json(), caller().environment)
    secret = fields.pop("secret")
    start_writing()
    webhook = webhook_changes.create(fields, secret)
    db.session.commit()
    address = url_for("api.webhook", webhook_id=webhook.id)
    return jsonify(as_json(webhook) | {"secret": webhook.secret}), 201, {"Location": address}


def update(webhook_id: int) -> Response:
    """Change the fields that were sent."""
    body = read_json()
    _get(webhook_id)
    db.session.rollback()  # no transaction is open while the URL's host is looked up
    fields, version_seen = read_changes(body, caller().environment)
    secret = fields.pop("secret", "")
    start_writing()
    webhook = _get(webhook_id, lock=True)
    if version_seen not in (None, webhook.version):
        message = f"The webhook has version {webhook.version} by now; read it again."
        raise Problem(409, message, [field_error("version", message)])
    switched_on = webhook_changes.edit(webhook, fields, secret)
    db.session.commit()
    if switched_on:
        wake()  # what waited for it may go out now
    return jsonify(as_json(webhook))


def delete(webhook_id: int) -> tuple[str, int]:
    start_writing()
    webhook_changes.delete(_get(webhook_id, lock=True))
    db.session.commit()
    return "", 204


def test(webhook_id: int) -> tuple[Response, int, dict[str, str]]:
    """Send a test event, whatever the webhook's state and subscriptions."""
    webhook = _get(webhook_id)
    event = _test_event(read_optional_json({}), webhook)
    environment, name = webhook.environment, webhook.name
    start_writing()
    audit.record("webhook.tested", "webhook", webhook_id, name, after={"type": event.type})
    db.session.commit()  # publishing has a transaction of its own
    delivery_id = publish_test(webhook_id, environment, event)
    address = url_for("api.delivery", delivery_id=delivery_id)
    return jsonify(delivery_id=delivery_id), 202, {"Location": address}


def _test_event(body: Any, webhook: Webhook) -> NewEvent:
    """The event with the body's ``type`` and ``data``: by default a subscribed type, and the type's example."""
    if isinstance(body, dict):
        if unknown := body.keys() - {"type", "data"}:
            message = "This field is unknown; a test event has type and data."
            errors = [field_error(strict_json.shortened(name), message) for name in sorted(unknown)]
            raise Problem(422, "Nothing was sent: see errors.", errors)
        event_type = body.get("type", webhook.event_types[0])
        example = EVENT_TYPES[event_type].example if event_type in list(EVENT_TYPES) else {}
        body = {"type": event_type, "data": example} | body
    try:
        return check_event(body, webhook.environment)
    except WrongEvent as error:
        errors = [field_error(*wrong) for wrong in error.errors]
        raise Problem(413 if error.too_large else 422, "Nothing was sent: see errors.", errors) from None


def as_json(webhook: Webhook) -> dict[str, Any]:
    """What a caller sees of a webhook; never the secret."""
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "environment": webhook.environment,
        "description": webhook.description,
        "active": webhook.active,
        "status": webhook.status,
        "events": webhook.event_types,
        "format": webhook.format,
        "retry_schedule": webhook.retry_schedule or "",
        "version": webhook.version,
        "disabled_reason": webhook.disabled_reason,
        "created_at": webhook.created_at.isoformat(),
        "updated_at": webhook.updated_at.isoformat(),
    }


def _get(webhook_id: int, *, lock: bool = False) -> Webhook:
    """The webhook, if it is one of the key's environment.

    Raises:
        Problem: 404.
    """
    webhook = db.session.get(Webhook, webhook_id, with_for_update=lock or None)
    if webhook is None or webhook.deleted_at or webhook.environment != caller().environment:
        raise Problem(404)
    return webhook
