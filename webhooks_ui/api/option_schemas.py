"""The schemas of a webhook's options in the API's description."""

from webhooks_ui.api.schema_parts import ANY_OBJECT, BOOLEAN, STRING, TIME, Schema, array, choice, closed, or_null, told
from webhooks_ui.events.conditions import CONDITIONS_MAX, Match, Operator
from webhooks_ui.events.selection import PATHS_MAX, Mode
from webhooks_ui.models import WebhookFormat
from webhooks_ui.models.webhook import RATE_LIMIT_MAX, RatePeriod
from webhooks_ui.schedules import OWN, OWN_DELAY_MAX_SECONDS, OWN_DELAYS_MAX, SCHEDULES_SECONDS
from webhooks_ui.webhooks.oauth import ClientAuthentication
from webhooks_ui.webhooks.options import TIMEOUT_SECONDS
from webhooks_ui.webhooks.own_headers import HEADERS_MAX, MASK

RETRY_SCHEDULE = choice(
    ["", *SCHEDULES_SECONDS, OWN],
    "Empty means the schedule in the settings. With own, retry_delays has the delays.",
)
FORMAT = choice(
    WebhookFormat, "How events are written. That of a chat service brings the rate limit that the service takes."
)
RATE_LIMIT: Schema = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": RATE_LIMIT_MAX,
    "description": "Requests in each period at most. null: no limit.",
}
RATE_PERIOD = choice(RatePeriod, "The period of rate_limit.")
IN_ORDER = told(
    BOOLEAN, "Send one request at a time, in the order of publishing. Later events wait while one is retried."
)
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
    closed({"name": told(STRING, "The name of the header."), "value": told(STRING, "Its value.")}),
    maxItems=HEADERS_MAX,
    description=f"Headers of each request beside those of the contract. Answers show the values as {MASK}. "
    "Send that back to keep a value.",
)
AUTH = or_null(
    closed(
        {
            "type": {"const": "basic", "description": "A user and a password (RFC 7617)."},
            "username": told(STRING, "The user."),
            "password": told(STRING, "The password of the user."),
        }
    ),
    closed(
        {
            "type": {"const": "bearer", "description": "A token that doesn't change (RFC 6750)."},
            "token": told(STRING, "The token."),
        }
    ),
    closed(
        {
            "type": {"const": "oauth", "description": "A token that is fetched."},
            "token_url": told(STRING, "Where tokens are fetched. The rules of url hold for it, too."),
            "client_id": told(STRING, "The client that asks for the token."),
            "client_secret": told(
                STRING, "It can be kept for the same token_url and client_id only. Otherwise send it again."
            ),
            "client_authentication": choice(
                ClientAuthentication, "How the client authenticates: the header Basic (the default), or the body."
            ),
            "scope": told(STRING, "The scopes to ask for, separated by spaces."),
            "audience": told(STRING, "Who the token is for, where the provider asks for it."),
            "resource": told(STRING, "An absolute URI (RFC 8707)."),
        },
        ["type", "token_url", "client_id", "client_secret"],
    ),
    description="The header Authorization of each request. oauth fetches a token by client credentials "
    f"(RFC 6749, 4.4). Answers show passwords, tokens and client secrets as {MASK}. Send that back to keep one.",
)
CLIENT_CERTIFICATE = or_null(
    closed({"certificate": told(STRING, "The chain, in PEM."), "key": told(STRING, "The private key, in PEM.")}),
    description="What is shown to an endpoint that asks for a client certificate: a chain that begins with the "
    f"client's own certificate, and its key, in PEM. Answers show {MASK} for both. Send that back to keep one.",
)
CERTIFICATE_DETAILS = or_null(
    closed(
        {
            "subject": told(STRING, "Whom it names."),
            "issuer": told(STRING, "Who signed it."),
            "starts_at": told(TIME, "From when on it is valid."),
            "ends_at": told(TIME, "Until when it is valid."),
        }
    ),
    description="What the client certificate says.",
)
_TYPED = told(STRING, "For one_of, commas separate the values.")
_SENT: Schema = {"type": ["string", "number", "boolean", "null"]}
_VALUE: Schema = {
    "anyOf": [_SENT, array(_SENT)],
    "description": "Numbers, true, false and null are kept as texts. For one_of: an array, or a string with commas.",
}


def _filter(value: Schema) -> Schema:
    """Return the schema of a filter whose conditions have values like this."""
    condition = closed(
        {
            "field": told(STRING, "A dotted path into the data, such as reason.code."),
            "operator": choice(Operator, "How the field is compared."),
            "value": value,
        },
        ["field", "operator"],
    )
    return or_null(
        closed(
            {
                "match": choice(Match, "Whether all conditions must hold, or any one of them. By default all."),
                "conditions": array(condition, maxItems=CONDITIONS_MAX, description="What must hold."),
            },
            ["conditions"],
        ),
        description="Only events whose data meets the conditions are sent.",
    )


SELECTION = or_null(
    closed(
        {
            "mode": choice(Mode, "Whether the paths are left out, or are all that is kept."),
            "paths": array(STRING, maxItems=PATHS_MAX, description="Dotted paths into the data."),
            "extra": told(ANY_OBJECT, "Fields that are added to the data."),
        },
        [],
    ),
    description="Which fields of the data are sent.",
)
OPTIONS: Schema = {
    "format": FORMAT,
    "retry_schedule": RETRY_SCHEDULE,
    "rate_limit": RATE_LIMIT,
    "rate_period": RATE_PERIOD,
    "in_order": IN_ORDER,
    "retry_delays": RETRY_DELAYS,
    "timeout_seconds": TIMEOUT,
    "headers": HEADERS,
    "auth": AUTH,
    "client_certificate": CLIENT_CERTIFICATE,
    "filter": _filter(_TYPED),
    "fields": SELECTION,
}
OPTIONS_TO_SET: Schema = OPTIONS | {
    "filter": _filter(_VALUE),
    "retry_schedule": RETRY_SCHEDULE | {"type": ["string", "null"], "enum": [*RETRY_SCHEDULE["enum"], None]},
}
