"""The schemas of the API's description: what goes in, and what comes out."""

from typing import Any

from webhooks_ui.api.events import EVENTS_MAX
from webhooks_ui.deliveries.filters import STATUSES
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.schedules import SCHEDULES_SECONDS
from webhooks_ui.events.types import CATEGORIES, EVENT_TYPES
from webhooks_ui.models import DeliveryTrigger, Environment, WebhookFormat, WebhookStatus
from webhooks_ui.models.webhook import DESCRIPTION_MAX_CHARACTERS, NAME_MAX_CHARACTERS
from webhooks_ui.webhooks.targets import URL_MAX_CHARACTERS

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_STRING: Schema = {"type": ["string", "null"]}
MAYBE_INTEGER: Schema = {"type": ["integer", "null"]}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
ENVIRONMENT: Schema = {"type": "string", "enum": list(Environment)}
EVENT_TYPE: Schema = {"type": "string", "enum": list(EVENT_TYPES)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def closed(properties: Schema, required: list[str] | None = None, **more: Any) -> Schema:
    """An object with these properties and no others; all of them are required unless ``required`` says less."""
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False, **more}


def page(items: Schema) -> Schema:
    cursor = MAYBE_STRING | {"description": "The cursor of the next page; null on the last one."}
    return closed({"data": array(items), "next_cursor": cursor})


NEW_EVENT = closed(
    {
        "type": EVENT_TYPE,
        "data": {"type": "object", "description": "Any object; up to 100 levels of nesting."},
        "id": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_.:\-]{1,128}$",
            "description": "Your idempotency key: publishing it again changes nothing and answers as at first.",
        },
        "timestamp": TIME | {"description": "When it happened, with a zone; by default the time of the request."},
    },
    ["type", "data"],
)
PUBLISHED = closed({"id": STRING, "deliveries": INTEGER | {"description": "How many webhooks it goes to."}})

RETRY_SCHEDULE: Schema = {
    "type": "string",
    "enum": ["", *SCHEDULES_SECONDS],
    "description": "Empty: as the settings say.",
}
_SETTABLE: Schema = {
    "name": {"type": "string", "minLength": 1, "maxLength": NAME_MAX_CHARACTERS},
    "url": {
        "type": "string",
        "format": "uri",
        "maxLength": URL_MAX_CHARACTERS,
        "description": "An https address that is public.",
    },
    "events": array(EVENT_TYPE, minItems=1),
    "description": {"type": "string", "maxLength": DESCRIPTION_MAX_CHARACTERS},
    "active": BOOLEAN,
    "format": {"type": "string", "enum": list(WebhookFormat)},
    "retry_schedule": RETRY_SCHEDULE,
    "secret": STRING | {"description": "whsec_ and the base64 of 24 to 64 bytes; left out, one is made."},
    "environment": ENVIRONMENT | {"description": "The key's, if given at all."},
}
NEW_WEBHOOK = closed(_SETTABLE, ["name", "url", "events"])
WEBHOOK_CHANGES = closed(
    _SETTABLE | {"version": INTEGER | {"description": "The version you have read: another one by now is a 409."}}, []
)
WEBHOOK = closed(
    {
        "id": INTEGER,
        "name": STRING,
        "url": STRING,
        "environment": ENVIRONMENT,
        "description": STRING,
        "active": BOOLEAN,
        "status": {"type": "string", "enum": list(WebhookStatus)},
        "events": array(EVENT_TYPE),
        "format": STRING,
        "retry_schedule": RETRY_SCHEDULE,
        "version": INTEGER,
        "disabled_reason": MAYBE_STRING,
        "created_at": TIME,
        "updated_at": TIME,
    }
)
CREATED_WEBHOOK = closed(WEBHOOK["properties"] | {"secret": STRING | {"description": "Shown this once."}})
TEST_EVENT = closed({"type": EVENT_TYPE, "data": {"type": "object"}}, [])

DELIVERY = closed(
    {
        "id": INTEGER,
        "event_id": STRING,
        "event_type": STRING,
        "environment": ENVIRONMENT,
        "webhook_id": INTEGER,
        "trigger": {"type": "string", "enum": list(DeliveryTrigger)},
        "status": {"type": "string", "enum": list(STATUSES)},
        "attempts_count": INTEGER,
        "response_code": MAYBE_INTEGER | {"description": "Of the last attempt, as the next two."},
        "outcome": {"enum": [*Outcome, None]},
        "duration_ms": MAYBE_INTEGER,
        "created_at": TIME,
        "last_attempt_at": MAYBE_TIME,
        "next_attempt_at": MAYBE_TIME,
    }
)
ATTEMPT = closed(
    {
        "number": INTEGER,
        "started_at": TIME,
        "duration_ms": INTEGER,
        "outcome": {"type": "string", "enum": list(Outcome)},
        "explanation": STRING,
        "url": STRING,
        "address": MAYBE_STRING,
        "tls": MAYBE_STRING,
        "request_headers": {"type": "object", "additionalProperties": STRING},
        "response_code": MAYBE_INTEGER,
        "response_headers": array(array(STRING)),
        "response_body": MAYBE_STRING | {"description": "The first 10 KiB."},
        "response_truncated": BOOLEAN,
    }
)
DELIVERY_DETAIL = closed(
    DELIVERY["properties"]
    | {
        "body": STRING | {"description": "What is sent, to the byte."},
        "attempts": array(ref("Attempt"), description="The last 50, oldest first."),
    }
)

EVENT_TYPES_LIST = closed(
    {
        "data": array(
            closed(
                {
                    "name": EVENT_TYPE,
                    "category": {"type": "string", "enum": list(CATEGORIES)},
                    "description": STRING,
                    "example": {"type": "object"},
                }
            )
        ),
        "fields": {"type": "object", "description": "What the fields of each category's data mean."},
    }
)

PROBLEM = closed(
    {
        "type": STRING,
        "title": STRING,
        "status": INTEGER,
        "detail": STRING,
        "errors": array(
            closed(
                {
                    "index": MAYBE_INTEGER | {"description": "The position in the array; null without an array."},
                    "field": STRING | {"description": "A path such as data.customer.name; empty for the whole."},
                    "message": STRING,
                }
            )
        ),
    },
    description="RFC 9457.",
)

SCHEMAS: dict[str, Schema] = {
    "NewEvent": NEW_EVENT,
    "NewEvents": array(ref("NewEvent"), minItems=1, maxItems=EVENTS_MAX),
    "Published": PUBLISHED,
    "NewWebhook": NEW_WEBHOOK,
    "WebhookChanges": WEBHOOK_CHANGES,
    "Webhook": WEBHOOK,
    "CreatedWebhook": CREATED_WEBHOOK,
    "TestEvent": TEST_EVENT,
    "TestSent": closed({"delivery_id": INTEGER}),
    "Webhooks": page(ref("Webhook")),
    "Delivery": DELIVERY,
    "DeliveryDetail": DELIVERY_DETAIL,
    "Attempt": ATTEMPT,
    "Deliveries": page(ref("Delivery")),
    "EventTypes": EVENT_TYPES_LIST,
    "Problem": PROBLEM,
}
