"""The schemas of requests and answers in the API's description."""

from typing import Any

from webhooks_ui.api.events import EVENTS_MAX
from webhooks_ui.deliveries.filters import STATUSES
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.deliveries.schedules import OWN, OWN_DELAY_MAX_SECONDS, OWN_DELAYS_MAX, SCHEDULES_SECONDS
from webhooks_ui.events.conditions import CONDITIONS_MAX, Match, Operator
from webhooks_ui.events.selection import PATHS_MAX, Mode
from webhooks_ui.models import DeliveryTrigger, Environment, SchemaCheck, WebhookFormat, WebhookHealth
from webhooks_ui.models.webhook import (
    DESCRIPTION_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    OLDER_SECRETS_MAX,
    RATE_LIMIT_MAX,
    RatePeriod,
    ReportedStatus,
)
from webhooks_ui.webhooks.changes import GRACE_HOURS_MAX
from webhooks_ui.webhooks.oauth import ClientAuthentication
from webhooks_ui.webhooks.options import TIMEOUT_SECONDS
from webhooks_ui.webhooks.own_headers import HEADERS_MAX, MASK
from webhooks_ui.webhooks.targets import URL_MAX_CHARACTERS

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_STRING: Schema = {"type": ["string", "null"]}
MAYBE_INTEGER: Schema = {"type": ["integer", "null"]}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
KEYS_ENVIRONMENT: Schema = {
    "type": "string",
    "enum": list(Environment),
    "description": "The environment of the key.",
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


EVENT_TYPE = ref("EventType")  # openapi.document lists the names


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def closed(properties: Schema, required: list[str] | None = None, **more: Any) -> Schema:
    """Return the schema of an object with these properties and no others.

    Args:
        required: The required properties. The default is all of them.
    """
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False, **more}


def page(items: Schema) -> Schema:
    cursor = MAYBE_STRING | {"description": "The cursor of the next page, or null on the last page."}
    return closed({"data": array(items), "next_cursor": cursor})


NEW_EVENT = closed(
    {
        "type": ref("PublishedType"),
        "data": {"type": "object", "description": "Any object with up to 100 levels of nesting."},
        "id": {
            "type": "string",
            "pattern": r"^[A-Za-z0-9_.:\-]{1,128}$",
            "description": "Your idempotency key. If you publish it again, nothing changes and the answer is the same.",
        },
        "timestamp": TIME | {"description": "When it happened, with a time zone. Default: the time of the request."},
    },
    ["type", "data"],
)
PUBLISHED = closed({"id": STRING, "deliveries": INTEGER | {"description": "How many webhooks get the event."}})

RETRY_SCHEDULE: Schema = {
    "type": "string",
    "enum": ["", *SCHEDULES_SECONDS, OWN],
    "description": "Empty means the schedule in the settings. With own, retry_delays has the delays.",
}
FORMAT: Schema = {
    "type": "string",
    "enum": list(WebhookFormat),
    "description": "How events are written. That of a chat service brings the rate limit that the service takes.",
}
RATE_LIMIT: Schema = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": RATE_LIMIT_MAX,
    "description": "Requests in each period at most. null: no limit.",
}
RATE_PERIOD: Schema = {"type": "string", "enum": list(RatePeriod)}
IN_ORDER: Schema = BOOLEAN | {
    "description": "Send one request at a time, in the order of publishing. Later events wait while one is retried."
}
OLDER_SECRETS = array(
    closed({"id": STRING, "expires_at": TIME}),
    maxItems=OLDER_SECRETS_MAX,
    description="The older secrets that still sign, newest first.",
)
_NULL: Schema = {"type": "null"}
RETRY_DELAYS: Schema = {
    "type": ["array", "null"],
    "items": {"type": "integer", "minimum": 1, "maximum": OWN_DELAY_MAX_SECONDS},
    "minItems": 1,
    "maxItems": OWN_DELAYS_MAX,
    "description": "The seconds between the attempts. They are the schedule own.",
}
TIMEOUT: Schema = {
    "type": ["integer", "null"],
    "minimum": TIMEOUT_SECONDS[0],
    "maximum": TIMEOUT_SECONDS[1],
    "description": "For a whole request. null: as the setting REQUEST_TIMEOUT_SECONDS says.",
}
HEADERS = array(
    closed({"name": STRING, "value": STRING}),
    maxItems=HEADERS_MAX,
    description=f"Headers of each request beside those of the contract. Answers show the values as {MASK}. "
    "Send that back to keep a value.",
)
AUTH: Schema = {
    "oneOf": [
        _NULL,
        closed({"type": {"const": "basic"}, "username": STRING, "password": STRING}),
        closed({"type": {"const": "bearer"}, "token": STRING}),
        closed(
            {
                "type": {"const": "oauth"},
                "token_url": STRING | {"description": "Where tokens are fetched. The rules of url hold for it, too."},
                "client_id": STRING,
                "client_secret": STRING
                | {"description": "It can be kept for the same token_url and client_id only. Otherwise send it again."},
                "client_authentication": {
                    "type": "string",
                    "enum": list(ClientAuthentication),
                    "description": "How the client authenticates: the header Basic (the default), or the body.",
                },
                "scope": STRING,
                "audience": STRING,
                "resource": STRING | {"description": "An absolute URI (RFC 8707)."},
            },
            ["type", "token_url", "client_id", "client_secret"],
        ),
    ],
    "description": "The header Authorization of each request. oauth fetches a token by client credentials "
    f"(RFC 6749, 4.4). Answers show passwords, tokens and client secrets as {MASK}. Send that back to keep one.",
}
CLIENT_CERTIFICATE: Schema = {
    "oneOf": [_NULL, closed({"certificate": STRING, "key": STRING})],
    "description": "What is shown to an endpoint that asks for a client certificate: a chain that begins with the "
    f"client's own certificate, and its key, in PEM. Answers show {MASK} for both. Send that back to keep one.",
}
CERTIFICATE_DETAILS: Schema = {
    "oneOf": [
        _NULL,
        closed({"subject": STRING, "issuer": STRING, "starts_at": TIME, "ends_at": TIME}),
    ],
    "description": "What the client certificate says.",
}
CONDITION = closed(
    {
        "field": STRING | {"description": "A dotted path into the data, such as reason.code."},
        "operator": {"type": "string", "enum": list(Operator)},
        "value": STRING | {"description": "For one_of, commas separate the values."},
    },
    ["field", "operator"],
)
FILTER: Schema = {
    "oneOf": [
        _NULL,
        closed(
            {
                "match": {"type": "string", "enum": list(Match)},
                "conditions": array(CONDITION, maxItems=CONDITIONS_MAX),
            },
            ["conditions"],
        ),
    ],
    "description": "Only events whose data meets the conditions are sent.",
}
SELECTION: Schema = {
    "oneOf": [
        _NULL,
        closed(
            {
                "mode": {"type": "string", "enum": list(Mode)},
                "paths": array(STRING, maxItems=PATHS_MAX),
                "extra": {"type": "object", "description": "Fields that are added to the data."},
            },
            [],
        ),
    ],
    "description": "Which fields of the data are sent.",
}
_OPTIONS: Schema = {
    "retry_delays": RETRY_DELAYS,
    "timeout_seconds": TIMEOUT,
    "headers": HEADERS,
    "auth": AUTH,
    "client_certificate": CLIENT_CERTIFICATE,
    "filter": FILTER,
    "fields": SELECTION,
}
EVENTS = array(ref("EventTypeOrGroup"))
_SETTABLE: Schema = {
    "name": {"type": "string", "minLength": 1, "maxLength": NAME_MAX_CHARACTERS},
    "url": {
        "type": "string",
        "format": "uri",
        "maxLength": URL_MAX_CHARACTERS,
        "description": "A public https address.",
    },
    "events": EVENTS | {"minItems": 1},
    "description": {"type": "string", "maxLength": DESCRIPTION_MAX_CHARACTERS},
    "active": BOOLEAN,
    "format": FORMAT,
    "retry_schedule": RETRY_SCHEDULE,
    "rate_limit": RATE_LIMIT,
    "rate_period": RATE_PERIOD,
    "in_order": IN_ORDER,
    **_OPTIONS,
    "secret": STRING
    | {"description": "whsec_ and the base64 of 24 to 64 bytes. Without it, a new webhook gets a generated secret."},
    "environment": KEYS_ENVIRONMENT | {"description": "Optional. It must be the environment of the key."},
}
NEW_WEBHOOK = closed(_SETTABLE, ["name", "url", "events"])
WEBHOOK_CHANGES = closed(
    _SETTABLE | {"version": INTEGER | {"description": "The version that you read. If it has changed, you get 409."}}, []
)
FAILURES = array(
    closed(
        {
            "outcome": {"type": "string", "enum": list(Outcome)},
            "response_code": {"type": ["integer", "null"]},
            "count": INTEGER,
            "since": TIME,
            "delivery_id": INTEGER | {"description": "The last delivery that failed so."},
        }
    ),
    description="Why its attempts have failed since the last success, the latest cause first.",
)
WEBHOOK = closed(
    {
        "id": INTEGER,
        "name": STRING,
        "url": STRING,
        "environment": KEYS_ENVIRONMENT,
        "description": STRING,
        "active": BOOLEAN,
        "status": {
            "type": "string",
            "enum": list(ReportedStatus),
            "description": "What active says, and what workers did: failing if its breaker is open.",
        },
        "health": {
            "enum": [*WebhookHealth, None],
            "description": "What its attempts of the last 24 hours say. null: a person made it inactive.",
        },
        "events": EVENTS,
        "format": FORMAT,
        "retry_schedule": RETRY_SCHEDULE,
        "rate_limit": RATE_LIMIT,
        "rate_period": RATE_PERIOD,
        "in_order": IN_ORDER,
        **_OPTIONS,
        "client_certificate_details": CERTIFICATE_DETAILS,
        "throttled_until": MAYBE_TIME
        | {"description": "Its endpoint asked to wait. Its deliveries go on at this time."},
        "version": INTEGER,
        "disabled_reason": MAYBE_STRING,
        "failures": FAILURES,
        "warnings": array(
            STRING, description="What about its format, its filter and its client certificate is probably a mistake."
        ),
        "older_secrets": OLDER_SECRETS,
        "created_at": TIME,
        "updated_at": TIME,
    }
)
NEW_SECRET: Schema = STRING | {"description": "Left out if the key doesn't have the scope secrets:read."}
CREATED_WEBHOOK = closed(WEBHOOK["properties"] | {"secret": NEW_SECRET}, WEBHOOK["required"])
TEST_EVENT = closed({"type": EVENT_TYPE, "data": {"type": "object"}}, [])

ROTATION = closed(
    {
        "grace_hours": {
            "type": "integer",
            "minimum": 0,
            "maximum": GRACE_HOURS_MAX,
            "description": "How long deliveries are signed with the present secret, too. By default 0.",
        },
        "secret": STRING | {"description": "whsec_ and the base64 of 24 to 64 bytes. Left out, one is made."},
    },
    [],
)
SECRETS = closed({"secret": STRING, "older_secrets": OLDER_SECRETS})
ROTATED = closed({"secret": NEW_SECRET, "older_secrets": OLDER_SECRETS}, ["older_secrets"])

DELIVERY = closed(
    {
        "id": INTEGER,
        "event_id": STRING,
        "event_type": STRING,
        "environment": KEYS_ENVIRONMENT,
        "webhook_id": INTEGER,
        "trigger": {"type": "string", "enum": list(DeliveryTrigger)},
        "status": {"type": "string", "enum": list(STATUSES)},
        "attempts_count": INTEGER,
        "response_code": MAYBE_INTEGER | {"description": "From the last attempt."},
        "outcome": {"enum": [*Outcome, None], "description": "From the last attempt."},
        "duration_ms": MAYBE_INTEGER | {"description": "From the last attempt."},
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
        "request_body": MAYBE_STRING
        | {"description": "What was sent instead of the delivery's body, because the webhook's format wants it."},
        "response_code": MAYBE_INTEGER,
        "response_headers": array(array(STRING)),
        "response_body": MAYBE_STRING | {"description": "The first 10 KiB."},
        "response_truncated": BOOLEAN,
    }
)
DELIVERY_DETAIL = closed(
    DELIVERY["properties"]
    | {
        "body": STRING
        | {"description": "The event as it was published. It is what is sent, unless an attempt has a request_body."},
        "schema_note": MAYBE_STRING | {"description": "Where the data doesn't fit the schema of its type."},
        "attempts": array(ref("Attempt"), description="The last 50, oldest first."),
    }
)

EVENT_TYPES_LIST = closed(
    {
        "data": array(
            closed(
                {
                    "name": EVENT_TYPE,
                    "category": ref("EventCategory"),
                    "description": STRING,
                    "example": {"type": "object"},
                    "schema": {
                        "type": ["object", "null"],
                        "description": "The JSON Schema of the data. null: the type has none.",
                    },
                    "check": {
                        "type": "string",
                        "enum": list(SchemaCheck),
                        "description": "What happens to data that doesn't fit the schema. "
                        "refuse: publishing it is answered with 422.",
                    },
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
                    "index": MAYBE_INTEGER | {"description": "The position in the array, or null without an array."},
                    "field": STRING | {"description": "A path such as data.customer.name, or empty for the whole."},
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
    "SecretRotation": ROTATION,
    "RotatedSecret": ROTATED,
    "Secrets": SECRETS,
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
