"""/api/v1/webhooks: the webhooks of the key's environment."""

from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from jobs.publish import send_test
from webhooks_ui.api import webhook_options
from webhooks_ui.api.answer import literal_json
from webhooks_ui.api.body import read_json, read_object, refuse_fields
from webhooks_ui.api.keys import caller, may
from webhooks_ui.api.query import LIMIT_DEFAULT, LIMIT_MAX, read_number
from webhooks_ui.api.webhook_body import load_webhook, read_changes, read_new, read_rotation
from webhooks_ui.database import db, release, writing
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.check import WrongEvent, check_event
from webhooks_ui.events.formats.services import misread
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Scope, Webhook, secret_box, utcnow
from webhooks_ui.models.health import health_of
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.parsing import ID_MAX
from webhooks_ui.web.problem import Problem, field_error
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.causes import Cause, causes_of
from webhooks_ui.webhooks.options import warnings_of
from webhooks_ui.webhooks.unreadable import EXPLANATION

PARAMETERS = ("limit", "cursor")


def index() -> Response:
    """Return a page of webhooks, newest first."""
    limit, below = read_number("limit", LIMIT_DEFAULT, LIMIT_MAX), read_number("cursor", ID_MAX, ID_MAX)
    query = (
        select(Webhook)
        .where(Webhook.environment == caller().environment, IS_LIVE, Webhook.id < below)
        .order_by(Webhook.id.desc())
        .limit(limit + 1)
        .options(selectinload(Webhook.subscriptions))
    )
    found = list(db.session.scalars(query))
    next_cursor = str(found[limit - 1].id) if len(found) > limit else None
    return literal_json({"data": [as_json(webhook) for webhook in found[:limit]], "next_cursor": next_cursor})


def show(webhook_id: int) -> Response:
    return literal_json(as_json(_get(webhook_id)))


def create() -> tuple[Response, int, dict[str, str]]:
    """Create a webhook. The answer has its secret if the key may read secrets."""
    fields = read_new(read_json(load_webhook), caller().environment)
    secret = fields.pop("secret")
    with writing():
        webhook = changes.create(fields, secret)
        answer = _stored(webhook) | _new_secret(webhook)
    return literal_json(answer), 201, {"Location": url_for("api.webhook", webhook_id=answer["id"])}


def update(webhook_id: int) -> Response:
    """Change the fields that were sent."""
    body = read_json(load_webhook)
    webhook = _get(webhook_id)
    _ = webhook.event_types  # read while it may be
    db.session.expunge(webhook)
    release()  # no transaction is open while the URL's host is looked up
    fields, version_seen = read_changes(body, webhook)
    secret = fields.pop("secret", "")
    with writing():
        webhook = _get(webhook_id, lock=True)
        if version_seen not in (None, webhook.version):
            message = f"The webhook now has version {webhook.version}. Read it again."
            raise Problem(409, message, [field_error("version", message)])
        changes.edit(webhook, fields, secret)
        answer = _stored(webhook)
    return literal_json(answer)


def delete(webhook_id: int) -> tuple[str, int]:
    refuse_fields()
    with writing():
        changes.delete(_get(webhook_id, lock=True))
    return "", 204


def rotate_secret(webhook_id: int) -> Response:
    """Sign with a new secret from now on, and with the present one until its grace period ends."""
    secret, grace_hours = read_rotation(read_object())
    with writing():
        webhook = _get(webhook_id, lock=True)
        try:
            changes.replace_secret(webhook, secret or secret_box.generate(), grace_hours)
        except changes.TooManySecrets as error:
            raise Problem(409, str(error), [field_error("grace_hours", str(error))]) from None
        answer = _new_secret(webhook) | {"older_secrets": _older_secrets(webhook)}
    return jsonify(answer)


def show_secret(webhook_id: int) -> Response:
    """Return the secret. The audit log records who read it."""
    try:
        with writing():
            webhook = _get(webhook_id)
            answer = {"secret": changes.reveal_secret(webhook), "older_secrets": _older_secrets(webhook)}
    except secret_box.Undecryptable:
        raise Problem(409, f"{EXPLANATION} Replace it: POST to this address.") from None
    return jsonify(answer)


def end_secret(webhook_id: int, secret_id: str) -> tuple[str, int]:
    """Sign no longer with an older secret."""
    refuse_fields()
    with writing():
        if not changes.end_secret(_get(webhook_id, lock=True), secret_id):
            raise Problem(404)
    return "", 204


def _new_secret(webhook: Webhook) -> dict[str, str]:
    """Return the part of an answer that shows a new secret. It is empty for a key that may not read secrets."""
    return {"secret": webhook.secret} if may(Scope.SECRETS_READ) else {}


def _older_secrets(webhook: Webhook) -> list[dict[str, str]]:
    return [{"id": older.id, "expires_at": older.expires_at.isoformat()} for older in webhook.secrets_in_grace]


def test(webhook_id: int) -> tuple[Response, int, dict[str, str]]:
    """Send a test event, even if the webhook is inactive or not subscribed to its type."""
    event = _test_event(read_object(strict_json.load_members), _get(webhook_id))
    with writing():
        delivery_id = send_test(_get(webhook_id, lock=True), event)
    address = url_for("api.delivery", delivery_id=delivery_id)
    return jsonify(delivery_id=delivery_id), 202, {"Location": address}


def _test_event(body: Any, webhook: Webhook) -> NewEvent:
    """Return the event with the ``type`` and ``data`` in the body.

    The default type is the first subscribed one. The default data is the example of the type.

    Raises:
        Problem: 422 with one entry per wrong field, or 413 if the event is too large.
    """
    if isinstance(body, dict):
        if unknown := body.keys() - {"type", "data"}:
            message = "This field is unknown. A test event has type and data."
            errors = [field_error(strict_json.shortened(name), message) for name in sorted(unknown)]
            raise Problem(422, "Nothing was sent: see errors.", errors)
        type = body.get("type") or strict_json.raw(next(iter([*webhook.event_types, *catalogue.all_types()])))
        known = catalogue.find(type.value) if isinstance(type.value, str) else None
        body = {"type": type, "data": strict_json.raw(known.example if known else {})} | body
    try:
        return check_event(body, webhook.environment, is_test=True)
    except WrongEvent as error:
        errors = [field_error(*wrong) for wrong in error.errors]
        raise Problem(413 if error.too_large else 422, "Nothing was sent: see errors.", errors) from None


def _stored(webhook: Webhook) -> dict[str, Any]:
    """Return what the session's transaction has made of a webhook.

    After the commit it may have been changed again, and the answer would have somebody else's fields and version.
    """
    db.session.flush()
    db.session.expire(webhook)  # what is read again is as it will be read later
    return as_json(webhook)


def as_json(webhook: Webhook) -> dict[str, Any]:
    """Return what a caller sees of a webhook, to be written by ``literal_json``. The secret isn't in it."""
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "environment": webhook.environment,
        "description": webhook.description,
        "active": webhook.active,
        "status": webhook.reported_status,
        "health": health_of(webhook, utcnow()),
        "events": catalogue.condensed(webhook.event_types, webhook.event_groups),
        "format": webhook.format,
        "retry_schedule": webhook.retry_schedule or "",
        **webhook_options.as_json(webhook),
        "rate_limit": webhook.rate_limit,
        "rate_period": webhook.rate_period,
        "in_order": webhook.in_order,
        "throttled_until": webhook.throttled_until.isoformat()
        if webhook.is_throttled and webhook.throttled_until
        else None,
        "version": webhook.version,
        "disabled_reason": webhook.disabled_reason,
        "failures": [_failure_as_json(cause) for cause in causes_of(webhook)],
        "warnings": [*filter(None, [misread(webhook.url, webhook.format)]), *warnings_of(webhook)],
        "older_secrets": _older_secrets(webhook),
        "created_at": webhook.created_at.isoformat(),
        "updated_at": webhook.updated_at.isoformat(),
    }


def _failure_as_json(cause: Cause) -> dict[str, Any]:
    """Return a cause without the words of the endpoint, which need the scope deliveries:read."""
    return {
        "outcome": cause.outcome,
        "response_code": cause.response_code,
        "count": cause.times,
        "since": cause.since.isoformat(),
        "delivery_id": cause.delivery_id,
    }


def _get(webhook_id: int, *, lock: bool = False) -> Webhook:
    """Return the webhook.

    Raises:
        werkzeug.exceptions.NotFound: It doesn't exist, or belongs to another environment than the key.
    """
    return changes.get(webhook_id, caller().environment, lock=lock)
