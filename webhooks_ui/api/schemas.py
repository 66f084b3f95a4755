"""The schemas of requests and answers in the API's description."""

from webhooks_ui.api.events import EVENTS_MAX
from webhooks_ui.api.option_schemas import CERTIFICATE_DETAILS, OPTIONS, OPTIONS_TO_SET
from webhooks_ui.api.schema_parts import (
    ANY_OBJECT,
    BOOLEAN,
    EVENT_TYPE,
    ID,
    INTEGER,
    KEYS_ENVIRONMENT,
    MAYBE_INTEGER,
    MAYBE_STRING,
    MAYBE_TIME,
    STRING,
    TIME,
    Schema,
    array,
    closed,
    page,
    ref,
)
from webhooks_ui.deliveries.filters import STATUSES
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.models import DeliveryTrigger, SchemaCheck, WebhookHealth
from webhooks_ui.models.webhook import (
    DESCRIPTION_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    OLDER_SECRETS_MAX,
    URL_MAX_CHARACTERS,
    ReportedStatus,
)
from webhooks_ui.webhooks.changes import GRACE_HOURS_MAX

NEW_EVENT = closed(
    {
        "type": ref("PublishedType"),
        "data": ANY_OBJECT | {"description": "Any object with up to 100 levels of nesting."},
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

OLDER_SECRETS = array(
    closed({"id": STRING, "expires_at": TIME}),
    maxItems=OLDER_SECRETS_MAX,
    description="The older secrets that still sign, newest first.",
)
_SETTABLE: Schema = {
    "name": {"type": "string", "minLength": 1, "maxLength": NAME_MAX_CHARACTERS},
    "url": {
        "type": "string",
        "format": "uri",
        "maxLength": URL_MAX_CHARACTERS,
        "description": "A public https address.",
    },
    "events": array(ref("EventTypeOrGroup"), minItems=1),
    "description": {"type": "string", "maxLength": DESCRIPTION_MAX_CHARACTERS},
    "active": BOOLEAN,
    **OPTIONS_TO_SET,
    "secret": STRING
    | {"description": "whsec_ and the base64 of 24 to 64 bytes. Without it, a new webhook gets a generated secret."},
    "environment": KEYS_ENVIRONMENT | {"description": "Optional. It must be the environment of the key."},
}
WEBHOOK_CREATION = closed(_SETTABLE, ["name", "url", "events"])
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
            "delivery_id": ID | {"description": "The last delivery that failed so."},
        }
    ),
    description="Why its attempts have failed since the last success, the latest cause first.",
)
WEBHOOK = closed(
    {
        "id": ID,
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
        "events": array(STRING),
        **OPTIONS,
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
TEST_EVENT = closed({"type": EVENT_TYPE, "data": ANY_OBJECT}, [])

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
        "id": ID,
        "event_id": STRING,
        "event_type": STRING,
        "environment": KEYS_ENVIRONMENT,
        "webhook_id": ID,
        "trigger": {"type": "string", "enum": list(DeliveryTrigger)},
        "status": {"type": "string", "enum": list(STATUSES)},
        "attempts_count": INTEGER,
        "response_code": MAYBE_INTEGER | {"description": "From the last attempt."},
        "outcome": {"enum": [*Outcome, None], "description": "From the last attempt."},
        "duration_ms": MAYBE_INTEGER | {"description": "From the last attempt."},
        "created_at": TIME,
        "last_attempt_at": MAYBE_TIME,
        "next_attempt_at": MAYBE_TIME
        | {"description": "At the earliest. null: one is under way, none follows, or the webhook is inactive."},
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
                    "name": STRING,
                    "category": STRING,
                    "description": STRING,
                    "example": ANY_OBJECT,
                    "schema": ANY_OBJECT
                    | {
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
        "fields": ANY_OBJECT | {"description": "What the fields of each category's data mean."},
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
    "WebhookCreation": WEBHOOK_CREATION,
    "WebhookChanges": WEBHOOK_CHANGES,
    "Webhook": WEBHOOK,
    "CreatedWebhook": CREATED_WEBHOOK,
    "SecretRotation": ROTATION,
    "RotatedSecret": ROTATED,
    "Secrets": SECRETS,
    "TestEvent": TEST_EVENT,
    "TestSent": closed({"delivery_id": ID}),
    "Webhooks": page(ref("Webhook")),
    "Delivery": DELIVERY,
    "Retry": closed({}),
    "DeliveryDetail": DELIVERY_DETAIL,
    "Attempt": ATTEMPT,
    "Deliveries": page(ref("Delivery")),
    "EventTypes": EVENT_TYPES_LIST,
    "Problem": PROBLEM,
}
