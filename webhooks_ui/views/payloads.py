"""What an event looks like on the wire: its headers, its body and its JSON Schema, beside a form or as a page."""

import json
import time

from flask import Blueprint, Response, abort, make_response

from jobs.compose import DEFAULTS, Try, request_of
from webhooks_ui.deliveries.request_headers import not_signed
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.example_schema import schema_of
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.new_event import NewEvent, new_event_id, render_body
from webhooks_ui.events.types import EventType
from webhooks_ui.models import utcnow
from webhooks_ui.web.answers import render
from webhooks_ui.web.preferences import first_environment

blueprint = Blueprint("payloads", __name__, url_prefix="/admin/event-types/<name>")


@blueprint.get("/payload")
def show(name: str) -> Response:
    """Show the request that an event of this type leads to, with its example as data."""
    type = _type(name)
    now = utcnow()
    id = new_event_id(now)
    environment = first_environment()
    body = render_body(id, environment, NewEvent(type.name, type.example), now)
    event = Outgoing(id, type.name, environment, body)
    made = request_of(DEFAULTS, event, Try(1, int(time.time()), (b"",)))
    return render(
        "payloads/show.html",
        "payloads/_payload.html",
        type=type,
        headers=not_signed(made.headers),
        body=strict_json.load_raw(body).value,
        schema=_schema(type),
    )


@blueprint.get("/schema.json")
def schema(name: str) -> Response:
    """Return the JSON Schema of the whole event, as a file."""
    response = make_response(_schema(_type(name)))
    response.headers["Content-Type"] = "application/schema+json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.schema.json"'
    return response


def _type(name: str) -> EventType:
    return catalogue.find(name) or abort(404)


def _schema(type: EventType) -> str:
    schema = schema_of(type, catalogue.FIELDS.get(type.category, {}))
    return json.dumps(schema, indent=2, ensure_ascii=False)
