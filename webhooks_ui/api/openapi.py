"""GET /api/v1/openapi.json: the description of the API (OpenAPI 3.1)."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify

from webhooks_ui import __version__
from webhooks_ui.api.deliveries import FILTERS
from webhooks_ui.api.described_headers import HEADERS, headers_of, location_of
from webhooks_ui.api.events import EVENTS_MAX
from webhooks_ui.api.query import LIMIT_DEFAULT, LIMIT_MAX, check_parameters
from webhooks_ui.api.routes import ROUTES
from webhooks_ui.api.schema_parts import ANY_OBJECT, ID, Schema, ref
from webhooks_ui.api.schemas import SCHEMAS
from webhooks_ui.deliveries.filters import CODE, SORTS, STATUS_FILTERS
from webhooks_ui.deliveries.pages import CURSOR, PAGE_ROWS
from webhooks_ui.events import catalogue
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.models.scope import MEANINGS
from webhooks_ui.parsing import ID_MAX, PRESETS, TEXT_MAX_CHARACTERS

DESCRIPTION = """Publish events, manage webhooks, and look at deliveries.

Each request needs an API key: `Authorization: Bearer km_…`. A key belongs to one environment and sees nothing of the
others. All errors are application/problem+json (RFC 9457), with one entry in `errors` per wrong field.

A key does only what its scopes say. `security` names the scope that each operation needs. Without it the answer is 403:

"""
# The web server answers these by itself (webhooks_ui.run.door.refusals), to whatever is too slow or too large.
BY_SERVER = (408, 414, 431)
ALWAYS = (*BY_SERVER, 422, 500, 503)
KEYED = (401, 429)  # of what needs a key
BODY = (400, 413, 415)


def show_document() -> Response:
    check_parameters(())
    return jsonify(document())


def document() -> dict[str, Any]:
    """Return the whole description, with the event types that there are now."""
    found = _document()
    names = {
        "EventType": list(catalogue.all_types()),
        "EventTypeOrGroup": [*catalogue.all_types(), *map(catalogue.group_of, catalogue.categories())],
        "PublishedType": [name for name in catalogue.all_types() if name not in OPERATIONAL],
        "EventCategory": catalogue.logged_categories(),
    }
    now = {name: {"type": "string", "enum": values} for name, values in names.items()}
    return found | {"components": found["components"] | {"schemas": found["components"]["schemas"] | now}}


@cache
def _document() -> dict[str, Any]:
    scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
    return {
        "openapi": "3.1.0",
        "info": {"title": "KeyManager Webhooks", "version": __version__, "description": DESCRIPTION + scopes},
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "headers": HEADERS,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "km_…"}},
        },
    }


def _paths() -> Schema:
    """Return ``PATHS`` with the id of each operation, by which generators name its function, and the scope it needs.

    Source: OpenAPI 3.1, "Security Requirement Object". For a bearer token, the list names the roles that are required.
    """
    paths = dict(PATHS)
    for path, name, views in ROUTES:
        described = "/api/v1" + re.sub(r"<(?:int:)?(\w+)>", r"{\1}", path)
        item = dict(paths[described])
        for method, (scope, _) in views.items():
            operation = item[method.lower()] = {"operationId": f"{method.lower()}_{name}"} | item[method.lower()]
            if scope is not None:
                responses = operation["responses"] | {"403": _problem(403)}
                needed = {"security": [{"apiKey": [scope]}], "responses": dict(sorted(responses.items()))}
                item[method.lower()] = operation | needed
        paths[described] = item
    return paths


def _operation(
    summary: str,
    status: int,
    answer: str | Schema | None,
    *,
    body: str | Schema | None = None,
    optional_body: bool = False,
    parameters: tuple[Schema, ...] = (),
    problems: tuple[int, ...] = (),
    location: str = "",
    keyed: bool = True,
) -> Schema:
    """Return an operation: its input, its answer, and its problems.

    Args:
        problems: The status codes of its errors, apart from those that every operation has.
        location: The name of what the header Location of its answer leads to, if it has one.
        keyed: Whether it needs a key.
    """
    operation: Schema = {"summary": summary, "responses": {str(status): _answer(status, answer, location, keyed)}}
    if body:
        operation["requestBody"] = {"required": not optional_body, "content": _json(body)}
    if parameters:
        operation["parameters"] = list(parameters)
    for problem in sorted({*ALWAYS, *problems, *(KEYED if keyed else ()), *(BODY if body else ())}):
        operation["responses"][str(problem)] = _problem(problem, keyed)
    return operation


def _answer(status: int, schema: str | Schema | None, location: str, keyed: bool) -> Schema:
    headers = headers_of(status, keyed) | (location_of(location) if location else {})
    content = {"content": _json(schema)} if schema else {}
    return {"description": HTTPStatus(status).phrase, "headers": headers, **content}


def _problem(status: int, keyed: bool = True) -> Schema:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers_of(status, keyed and status not in BY_SERVER),
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def _json(schema: str | Schema) -> Schema:
    return {"application/json": {"schema": ref(schema) if isinstance(schema, str) else schema}}


def _parameter(place: str, name: str, schema: Schema, description: str) -> Schema:
    return {"in": place, "name": name, "required": place == "path", "schema": schema, "description": description}


def _id(name: str) -> Schema:
    description = f"The id of the {name.removesuffix('_id')}."
    return _parameter("path", name, ID | {"minimum": 1, "maximum": ID_MAX}, description)


_TIME: Schema = {
    "anyOf": [
        {"type": "string", "enum": list(PRESETS)},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
    ]
}
_FILTER_SCHEMAS: dict[str, Schema] = {
    "q": {"type": "string", "maxLength": TEXT_MAX_CHARACTERS},
    "since": _TIME,
    "until": _TIME,
    "category": ref("EventCategory"),
    "status": {"type": "string", "enum": list(STATUS_FILTERS)},
    "code": {"type": "string", "pattern": f"^({CODE.pattern})$"},
    "webhook": ID | {"minimum": 0, "maximum": ID_MAX},
    "action": ID | {"minimum": 0, "maximum": ID_MAX},
    "sort": {"type": "string", "enum": list(SORTS)},
}
_DELIVERY_PARAMETERS = (
    *(_parameter("query", name, _FILTER_SCHEMAS.get(name, {"type": "string"}), FILTERS[name]) for name in FILTERS),
    _parameter(
        "query",
        "cursor",
        {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
        "The next_cursor of the previous page, which belongs to its sort and filters.",
    ),
)
_WEBHOOK_PARAMETERS = (
    _parameter(
        "query",
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "How many webhooks a page has at most.",
    ),
    _parameter(
        "query", "cursor", {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}, "The next_cursor of the previous page."
    ),
)
_OPEN: Schema = {"operationId": "get_openapi", "security": []}

PATHS: dict[str, Schema] = {
    "/api/v1/events": {
        "post": _operation(
            f"Publish one event, or an array of up to {EVENTS_MAX:,}. If one is wrong, none is published",
            202,
            {"oneOf": [ref("Published"), {"type": "array", "items": ref("Published")}]},
            body={"oneOf": [ref("NewEvent"), ref("NewEvents")]},
            problems=(409,),
        ),
    },
    "/api/v1/event-types": {"get": _operation("List the event types", 200, "EventTypes")},
    "/api/v1/webhooks": {
        "get": _operation("List webhooks, newest first", 200, "Webhooks", parameters=_WEBHOOK_PARAMETERS),
        "post": _operation("Create a webhook", 201, "CreatedWebhook", body="WebhookCreation", location="webhook"),
    },
    "/api/v1/webhooks/{webhook_id}": {
        "parameters": [_id("webhook_id")],
        "get": _operation("Get a webhook", 200, "Webhook", problems=(404,)),
        "patch": _operation(
            "Change the fields that are sent", 200, "Webhook", body="WebhookChanges", problems=(404, 409)
        ),
        "delete": _operation("Delete a webhook. Its deliveries stay in the log", 204, None, problems=(404, *BODY)),
    },
    "/api/v1/webhooks/{webhook_id}/secret": {
        "parameters": [_id("webhook_id")],
        "get": _operation("Get the secret. The audit log records it", 200, "Secrets", problems=(404, 409)),
        "post": _operation(
            "Sign with a new secret, and for some hours with the present one, too",
            200,
            "RotatedSecret",
            body="SecretRotation",
            optional_body=True,
            problems=(404, 409),
        ),
    },
    "/api/v1/webhooks/{webhook_id}/older-secrets/{secret_id}": {
        "parameters": [_id("webhook_id"), _parameter("path", "secret_id", {"type": "string"}, "Its id.")],
        "delete": _operation("Sign no longer with an older secret", 204, None, problems=(404, *BODY)),
    },
    "/api/v1/webhooks/{webhook_id}/test": {
        "parameters": [_id("webhook_id")],
        "post": _operation(
            "Send a test event, even if the webhook is inactive or not subscribed to its type",
            202,
            "TestSent",
            body="TestEvent",
            optional_body=True,
            problems=(404,),
            location="delivery",
        ),
    },
    "/api/v1/deliveries": {
        "get": _operation(f"List deliveries, {PAGE_ROWS} a page", 200, "Deliveries", parameters=_DELIVERY_PARAMETERS),
    },
    "/api/v1/deliveries/{delivery_id}": {
        "parameters": [_id("delivery_id")],
        "get": _operation("Get a delivery with its attempts", 200, "DeliveryDetail", problems=(404,)),
    },
    "/api/v1/deliveries/{delivery_id}/retries": {
        "parameters": [_id("delivery_id")],
        "post": _operation(
            "Make one more attempt now",
            202,
            "Delivery",
            body="Retry",
            optional_body=True,
            problems=(404, 409),
            location="delivery",
        ),
    },
    "/api/v1/openapi.json": {"get": _operation("Get this description", 200, ANY_OBJECT, keyed=False) | _OPEN},
}
