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
    choice,
    closed,
    page,
    ref,
    told,
)
from webhooks_ui.deliveries.display import ATTEMPTS_SHOWN
from webhooks_ui.deliveries.filters import STATUSES
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.events.check import ID as EVENT_ID
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
        "data": told(ANY_OBJECT, "Any object with up to 100 levels of nesting."),
        "id": {
            "type": "string",
            "pattern": f"^{EVENT_ID.pattern}$",
            "description": "Your idempotency key. If you publish it again, nothing changes and the answer is the same.",
        },
        "timestamp": told(TIME, "When it happened, with a time zone. Default: the time of the request."),
    },
    ["type", "data"],
)
PUBLISHED = closed(
    {
        "id": told(STRING, "The id of the event: yours, or one that was made for it."),
        "deliveries": told(INTEGER, "How many webhooks get the event."),
    }
)

OLDER_SECRETS = array(
    closed(
        {
            "id": told(STRING, "What DELETE …/older-secrets/{secret_id} takes."),
            "expires_at": told(TIME, "Until when it signs."),
        }
    ),
    maxItems=OLDER_SECRETS_MAX,
    description="The older secrets that still sign, newest first.",
)
NAME = "What people call it."
EVENTS = "The event types that it gets, and groups such as license.*, which stand for all of their types."
NOTE = "What it is for."
ACTIVE = "Whether it gets events."
_SETTABLE: Schema = {
    "name": {
        "type": "string",
        "minLength": 1,
        "maxLength": NAME_MAX_CHARACTERS,
        "description": NAME,
    },
    "url": {
        "type": "string",
        "format": "uri",
        "maxLength": URL_MAX_CHARACTERS,
        "description": "A public https address.",
    },
    "events": array(ref("EventTypeOrGroup"), minItems=1, description=EVENTS),
    "description": {"type": "string", "maxLength": DESCRIPTION_MAX_CHARACTERS, "description": NOTE},
    "active": told(BOOLEAN, f"{ACTIVE} A new webhook is active unless this is false."),
    **OPTIONS_TO_SET,
    "secret": told(
        STRING, "whsec_ and the base64 of 24 to 64 bytes. Without it, a new webhook gets a generated secret."
    ),
    "environment": told(KEYS_ENVIRONMENT, "Optional. It must be the environment of the key."),
}
WEBHOOK_CREATION = closed(_SETTABLE, ["name", "url", "events"])
WEBHOOK_CHANGES = closed(
    _SETTABLE | {"version": told(INTEGER, "The version that you read. If it has changed, you get 409.")}, []
)
OUTCOME = choice(Outcome, "How the attempt ended.")
RESPONSE_CODE = told(MAYBE_INTEGER, "The status code of the answer. null: there was none.")
FAILURES = array(
    closed(
        {
            "outcome": OUTCOME,
            "response_code": RESPONSE_CODE,
            "count": told(INTEGER, "How many attempts failed so."),
            "since": told(TIME, "When the first of them failed."),
            "delivery_id": told(ID, "The last delivery that failed so."),
        }
    ),
    description="Why its attempts have failed since the last success, the latest cause first.",
)
WEBHOOK = closed(
    {
        "id": told(ID, "The id of the webhook."),
        "name": told(STRING, NAME),
        "url": told(STRING, "The address that events are sent to, as it is requested."),
        "environment": KEYS_ENVIRONMENT,
        "description": told(STRING, NOTE),
        "active": told(BOOLEAN, ACTIVE),
        "status": choice(ReportedStatus, "What active says, and what workers did: failing if its breaker is open."),
        "health": {
            "enum": [*WebhookHealth, None],
            "description": "What its attempts of the last 24 hours say. null: a person made it inactive.",
        },
        "events": array(STRING, description=EVENTS),
        **OPTIONS,
        "client_certificate_details": CERTIFICATE_DETAILS,
        "throttled_until": told(MAYBE_TIME, "Its endpoint asked to wait. Its deliveries go on at this time."),
        "version": told(INTEGER, "It rises with each change. PATCH takes it, to change only what you have read."),
        "disabled_reason": told(MAYBE_STRING, "Why it was made inactive. null: nothing but a person did so."),
        "failures": FAILURES,
        "warnings": array(
            STRING, description="What about its format, its filter and its client certificate is probably a mistake."
        ),
        "older_secrets": OLDER_SECRETS,
        "created_at": told(TIME, "When it was created."),
        "updated_at": told(TIME, "When it was last changed."),
    }
)
NEW_SECRET = told(STRING, "Left out if the key doesn't have the scope secrets:read.")
CREATED_WEBHOOK = closed(WEBHOOK["properties"] | {"secret": NEW_SECRET}, WEBHOOK["required"])
TEST_EVENT = closed(
    {"type": EVENT_TYPE, "data": told(ANY_OBJECT, "Left out, the event has the example of its type.")}, []
)

ROTATION = closed(
    {
        "grace_hours": {
            "type": "integer",
            "minimum": 0,
            "maximum": GRACE_HOURS_MAX,
            "description": "How long deliveries are signed with the present secret, too. By default 0.",
        },
        "secret": told(STRING, "whsec_ and the base64 of 24 to 64 bytes. Left out, one is made."),
    },
    [],
)
SECRETS = closed({"secret": told(STRING, "The secret that signs."), "older_secrets": OLDER_SECRETS})
ROTATED = closed({"secret": NEW_SECRET, "older_secrets": OLDER_SECRETS}, ["older_secrets"])

DELIVERY = closed(
    {
        "id": told(ID, "The id of the delivery."),
        "event_id": told(STRING, "The id of its event, which is the header webhook-id."),
        "event_type": told(STRING, "The type of its event."),
        "environment": KEYS_ENVIRONMENT,
        "webhook_id": told(ID, "The webhook that it is for."),
        "trigger": choice(
            DeliveryTrigger, "What made it: a published event, a test, or a person who sent the event again."
        ),
        "status": choice(STATUSES, "How far it is. retrying: it is pending, and an attempt has failed."),
        "attempts_count": told(INTEGER, "How many attempts there were."),
        "response_code": told(MAYBE_INTEGER, "From the last attempt."),
        "outcome": {"enum": [*Outcome, None], "description": "From the last attempt."},
        "duration_ms": told(MAYBE_INTEGER, "From the last attempt."),
        "created_at": told(TIME, "When it was created."),
        "last_attempt_at": told(MAYBE_TIME, "When the last attempt began. null: there was none."),
        "next_attempt_at": told(
            MAYBE_TIME, "At the earliest. null: one is in progress, none follows, or the webhook is inactive."
        ),
    }
)
ATTEMPT = closed(
    {
        "number": told(INTEGER, "Its number in the delivery, from 1."),
        "started_at": told(TIME, "When it began."),
        "duration_ms": told(INTEGER, "How long it took, in milliseconds."),
        "outcome": OUTCOME,
        "explanation": told(STRING, "The outcome in a sentence."),
        "url": told(STRING, "The address that was requested."),
        "address": told(MAYBE_STRING, "The IP address and port that it went to. null: there was no connection."),
        "tls": told(MAYBE_STRING, "The version of TLS and the cipher. null: there was none."),
        "request_headers": {
            "type": "object",
            "additionalProperties": STRING,
            "description": "The headers that were sent. Values that are secret are masked.",
        },
        "request_body": told(
            MAYBE_STRING, "What was sent instead of the delivery's body, because the webhook's format wants it."
        ),
        "response_code": RESPONSE_CODE,
        "response_headers": array(array(STRING), description="The headers of the answer, each with name and value."),
        "response_body": told(MAYBE_STRING, "The first 10 KiB."),
        "response_truncated": told(BOOLEAN, "Whether the answer had more than is kept."),
    }
)
DELIVERY_DETAIL = closed(
    DELIVERY["properties"]
    | {
        "body": told(
            STRING, "The event as it was published. It is what is sent, unless an attempt has a request_body."
        ),
        "schema_note": told(MAYBE_STRING, "Where the data doesn't fit the schema of its type."),
        "attempts": array(ref("Attempt"), description=f"The last {ATTEMPTS_SHOWN}, oldest first."),
    }
)

EVENT_TYPES_LIST = closed(
    {
        "data": array(
            closed(
                {
                    "name": told(STRING, "The name, such as license.activated."),
                    "category": told(STRING, "The group that it belongs to."),
                    "description": told(STRING, "When it happens."),
                    "example": told(ANY_OBJECT, "What the data of such an event looks like."),
                    "schema": told(
                        ANY_OBJECT | {"type": ["object", "null"]},
                        "The JSON Schema of the data. null: the type has none.",
                    ),
                    "check": choice(
                        SchemaCheck,
                        "What happens to data that doesn't fit the schema. refuse: publishing it is answered with 422.",
                    ),
                }
            ),
            description="All event types.",
        ),
        "fields": told(ANY_OBJECT, "What the fields of each category's data mean."),
    }
)

PROBLEM = closed(
    {
        "type": told(STRING, "Always about:blank."),
        "title": told(STRING, "The name of the status code."),
        "status": told(INTEGER, "The status code."),
        "detail": told(STRING, "What is wrong, and what to do, in a sentence."),
        "errors": array(
            closed(
                {
                    "index": told(MAYBE_INTEGER, "The position in the array, or null without an array."),
                    "field": told(STRING, "A path such as data.customer.name, or empty for the whole."),
                    "message": told(STRING, "What is wrong with it, and how to correct it."),
                }
            ),
            description="One entry for each wrong field.",
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
    "TestSent": closed({"delivery_id": told(ID, "The delivery of the test event.")}),
    "Webhooks": page(ref("Webhook")),
    "Delivery": DELIVERY,
    "Retry": closed({}),
    "DeliveryDetail": DELIVERY_DETAIL,
    "Attempt": ATTEMPT,
    "Deliveries": page(ref("Delivery")),
    "EventTypes": EVENT_TYPES_LIST,
    "Problem": PROBLEM,
}
