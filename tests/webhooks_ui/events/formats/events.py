"""Events for the tests of the formats: of each type, and with the nastiest data that a publisher may send."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from webhooks_ui.events import strict_json
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.events.new_event import NewEvent, render_body
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import WebhookFormat
from webhooks_ui.run.services import SERVICES

MANY = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
LINK = "https://portal.example.com/admin/webhook-deliveries/42"
LINKS = (None, LINK, "https://portal.example:8443/a&b|c'd/1", "http://portal:8000/1", "http://[::1]:8000/1")
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
EXAMPLES = {name: type.example for name, type in (EVENT_TYPES | OPERATIONAL).items()}

NASTY = (
    "<!channel> <!here> <@U123> <#C123|general> <https://evil.example|click>",
    "@everyone @here <@&123> <t:1700000000:R>", "<at>owner@example.com</at> <AT>channel</AT>",
    "*bold* _italics_ ~struck~ **a** __b__ ~~c~~ ||d|| `code` ```block```",
    "[text](https://evil.example) https://evil.example www.evil.example :smile: <:a:1>",
    "# heading", "> quoted", ">>> quoted", "- item", "-# small", "1. item", "+ item", "_",
    "\\", "\\\\*", "&amp; & < >", '"quoted"', "{braces} {0} %s",
    "a\nb\r\nc\td", "\u2028\u2029", " \u00a0 ", "",
    "\u202eright to left\u202c", "\u200b\u200c\u200d\ufeff", "\ufffe\uffff\U0010ffff", "\0\x01\x1b[31m\x7f\x85",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "e\u0301" * 300, "\u0644\u0644", "\U0001d4d0" * 1_000, "😀" * 4_000,
    "x" * 10_000, "*" * 6_000, "\\" * 6_000, "<" * 6_000, "&" * 6_000, '"' * 6_000, "\ufffd" * 6_000,
    "a " * 6_000, " " * 5_000 + "end",
)  # fmt: skip
NAMES = (
    *("id", "name", "license_key", "license", "product", "customer", "identifier", "activation", "reason", "flags"),
    *("previous", "status", "expires_at", "activations_count", "activation_limit", "data", "message", "code"),
    *("webhook", "event", "delivery", "last_attempt", "updated_at", "", "x" * 1_000, "*_~`<@>", "\u202e", "😀" * 50),
)
TIMES = ("2026-11-23T10:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23", "20261123")


def outgoing(
    event_type: str = "license.activated", data: Any = None, *, literal: str | None = None, **fields: Any
) -> Outgoing:
    """Return an event on its way, with the example of its type unless ``data`` or its ``literal`` is given."""
    shown = EXAMPLES.get(event_type, {}) if data is None and literal is None else data
    at, is_test = fields.pop("at", AT), fields.get("is_test", False)
    event = NewEvent(event_type, shown, timestamp=at, literal=literal)
    body = render_body("evt_1", "production", event, AT, is_test=is_test)
    return Outgoing("evt_1", event_type, "production", body, **({"link": LINK} | fields))


def rendered(format: str, event: Outgoing) -> Any:
    """Return the request's body that a format makes, parsed."""
    return json.loads(FORMATS[format].render(event))


def refusal(format: str, event: Outgoing) -> str:
    """Return which rule of its service the message breaks, or an empty text."""
    return SERVICES[format](FORMATS[format].render(event)).broken


CHAT = tuple(WebhookFormat(name) for name in SERVICES)

texts = st.one_of(
    st.sampled_from(NASTY), st.sampled_from(TIMES), st.text(max_size=60), st.text("*_~`<>@&|\\#:[]-1. \n", max_size=40)
)
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.integers(10**299, 10**300 - 1))
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=20))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=25), st.dictionaries(names, inner, max_size=8)),
    max_leaves=30,
)


@st.composite
def events(draw: st.DrawFn) -> Outgoing:
    """Draw an event of any type whose data is that of its type with anything in it, or anything at all."""
    event_type = draw(st.sampled_from([*EXAMPLES, "own.type", "a" * 31 + "." + "b" * 32]))
    data = draw(st.dictionaries(names, values, max_size=12))
    if draw(st.booleans()):
        data = {name: draw(texts) for name in EXAMPLES.get(event_type, {})} | data
    at = datetime.fromisoformat(draw(st.sampled_from(("1950-01-01T00:00:00Z", *TIMES[:1], "9999-12-31T00:00:00Z"))))
    link = draw(st.sampled_from(LINKS))
    return outgoing(event_type, literal=strict_json.render(data), at=at, link=link, is_test=draw(st.booleans()))
