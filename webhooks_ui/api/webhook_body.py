"""Reads a webhook from JSON and checks it with the form that the pages use."""

from typing import Any

from werkzeug.datastructures import MultiDict

from webhooks_ui.api.schemas import WEBHOOK
from webhooks_ui.api.webhook_options import WrongOptions, read_options
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import Webhook, WebhookFormat
from webhooks_ui.schedules import OWN
from webhooks_ui.web.problem import Problem, field_error
from webhooks_ui.webhooks.changes import GRACE_HOURS_MAX
from webhooks_ui.webhooks.new_host import stored_of, wrong_host
from webhooks_ui.webhooks.options import wrong_filter

STRING, BOOLEAN, STRINGS, NUMBER = "a string", "true or false", "an array of strings", "a whole number or null"
STRING_OR_NULL = "a string or null"
OPTION = "an option"  # see webhook_options
FIELDS = {
    "name": STRING,
    "url": STRING,
    "events": STRINGS,
    "description": STRING,
    "active": BOOLEAN,
    "format": STRING,
    "retry_schedule": STRING_OR_NULL,
    "retry_delays": OPTION,
    "timeout_seconds": NUMBER,
    "headers": OPTION,
    "auth": OPTION,
    "client_certificate": OPTION,
    "filter": OPTION,
    "fields": OPTION,
    "rate_limit": NUMBER,
    "rate_period": STRING,
    "in_order": BOOLEAN,
    "secret": STRING,
    "environment": STRING,
}
FIELD_MAX_CHARACTERS = 128 * 1024  # of its JSON: more than any has that is right
LITERAL = ("filter", "fields")  # their numbers keep their digits
REQUIRED = ("name", "url", "events")
SCHEDULE = {"retry_schedule", "retry_delays"}  # which must fit each other
SEE_ERRORS = "Nothing was saved: see errors."
UNKNOWN = f"This field is unknown. A webhook has {', '.join(FIELDS)}."
READ_ONLY = "This field is read only. Leave it out."


def load_webhook(body: bytes) -> Any:
    """Return the value in ``body``. In the filter and the fields of a webhook, numbers are ``strict_json.Number``.

    Raises:
        strict_json.BrokenJson: as ``strict_json.loads``.
        Problem: 422, with an entry per field that is too long.
    """
    value = strict_json.load_members(body)
    if not isinstance(value, dict):
        return value
    if long := [name for name, member in value.items() if len(member.text) > FIELD_MAX_CHARACTERS]:
        message = f"This field is too long. Use up to {FIELD_MAX_CHARACTERS:,} characters of JSON."
        raise Problem(422, SEE_ERRORS, [field_error(strict_json.shortened(name), message) for name in long])
    return {
        name: member.value if name in LITERAL else strict_json.loads_with_integers(member.text.encode())
        for name, member in value.items()
    }


def read_new(body: Any, environment: str) -> dict[str, Any]:
    """Return the columns of a new webhook, and its ``secret``, which is empty if the caller gave none.

    Args:
        body: as ``load_webhook`` returns it.

    Raises:
        Problem: 422, with an entry per missing, unknown or wrong field.
    """
    missing = {name: "This field is missing." for name in REQUIRED if isinstance(body, dict) and name not in body}
    given = _read(body, environment, missing, None)
    return (
        {"description": "", "active": True, "format": WebhookFormat.JSON, "secret": ""}
        | given
        | {"environment": environment}
    )


def read_changes(body: Any, webhook: Webhook) -> tuple[dict[str, Any], int | None]:
    """Return the columns of ``webhook`` that change, perhaps with ``secret``, and the version that the caller read.

    Args:
        body: as ``load_webhook`` returns it.

    Raises:
        Problem: 422, with an entry per unknown or wrong field.
    """
    if not isinstance(body, dict) or "version" not in body:
        return _read(body, webhook.environment, {}, webhook), None
    version = body["version"]
    wrong = {} if type(version) is int else {"version": "The version is a whole number."}
    sent = {name: value for name, value in body.items() if name != "version"}
    return _read(sent, webhook.environment, wrong, webhook), version


def read_rotation(body: Any) -> tuple[str, int]:
    """Return the new ``secret``, empty if one is to be made, and the ``grace_hours`` of the present one.

    Raises:
        Problem: 422, with an entry per unknown or wrong field.
    """
    if not isinstance(body, dict):
        raise Problem(422, "Send a JSON object.", [field_error("", "Send an object.")])
    wrong = {
        strict_json.shortened(name): "This field is unknown. A rotation has secret and grace_hours."
        for name in body.keys() - {"secret", "grace_hours"}
    }
    hours = body.get("grace_hours", 0)
    if type(hours) is not int or not 0 <= hours <= GRACE_HOURS_MAX:
        wrong["grace_hours"] = f"This field is a whole number from 0 to {GRACE_HOURS_MAX}."
    secret = body.get("secret", "")
    if not isinstance(secret, str):
        wrong["secret"] = f"This field is {STRING}."
    else:
        values, messages = _check_with_form({"secret": secret})
        secret, wrong = values["secret"], wrong | messages
    if wrong:
        raise Problem(422, "Nothing was changed: see errors.", [field_error(*error) for error in wrong.items()])
    return secret, hours


def _read(body: Any, environment: str, wrong: dict[str, str], stored: Webhook | None) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Problem(422, "A webhook is a JSON object.", [field_error("", "Send an object.")])
    given: dict[str, Any] = {}
    for name, value in body.items():
        if found := _wrong_field(name, value, environment):
            wrong |= found
        else:
            given[name] = value
    values, messages = _check_with_form({name: value for name, value in given.items() if FIELDS[name] != OPTION})
    types = values.get("event_types", stored.event_types if stored else [])
    try:
        values |= read_options(given, stored, types)
    except WrongOptions as error:
        values |= error.read
        messages |= error.errors
    if body.keys() & SCHEDULE <= values.keys() - messages.keys():  # one that is wrong by itself says so
        messages |= _wrong_schedule(values, stored)
    if stored and not messages and (elsewhere := wrong_host(values, stored_of(stored))):
        messages["url"] = elsewhere
    if stored and "filter" not in body and set(types) != set(stored.event_types):
        messages |= _wrong_filter(stored, types)
    if wrong := wrong | messages:
        errors = [field_error(name, message) for name, message in wrong.items()]
        raise Problem(422, SEE_ERRORS, errors)
    return values


def _wrong_field(name: str, value: Any, environment: str) -> dict[str, str]:
    """Return an error if a webhook has no such field, or if its value is of another type or can't be sent."""
    if name not in FIELDS:
        return {strict_json.shortened(name): READ_ONLY if name in WEBHOOK["properties"] else UNKNOWN}
    if name == "environment" and value != environment:
        return {name: f"The API key is for {environment}. Leave this field out."}
    if FIELDS[name] != OPTION and not _is(FIELDS[name], value):
        return {name: f"This field is {FIELDS[name]}."}
    found = strict_json.unsendable_value(value)
    return {f"{name}{found[0]}": found[1]} if found else {}


def _wrong_schedule(values: dict[str, Any], stored: Webhook | None) -> dict[str, str]:
    """Return an error if the schedule and the delays don't fit each other. Delays alone make the schedule ``OWN``.

    With another schedule, the stored delays are forgotten. ``None`` alone takes them away, and the schedule with them.
    """
    if not values.keys() & SCHEDULE:
        return {}
    delays = values.get("retry_delays", stored.retry_delays if stored else None)
    kept = stored.retry_schedule if stored and stored.retry_schedule != OWN else None
    schedule = values.get("retry_schedule", OWN if delays else kept)
    if schedule == OWN and not delays:
        return {"retry_delays": f"With the schedule {OWN}, send the delays in seconds, such as [10, 60, 300]."}
    if schedule != OWN and values.get("retry_delays"):
        return {"retry_delays": f"Delays need the schedule {OWN}. Leave one of the two fields out."}
    values |= {"retry_schedule": schedule, "retry_delays": delays if schedule == OWN else None}
    return {}


def _wrong_filter(stored: Webhook, event_types: list[str]) -> dict[str, str]:
    """Return an error if the stored filter has a condition that can't hold for events of these types."""
    wrong = wrong_filter(stored.filter, event_types)
    return {"filter": wrong} if wrong else {}


def _check_with_form(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values as the form cleans them, and the form's error messages. Check only the given fields."""
    sent = MultiDict({name: _as_typed(value) for name, value in given.items()})
    form = WebhookForm(formdata=sent)
    for name in list(form._fields):
        if name not in given:
            del form[name]
    form.validate()
    values = {name: form.data[name] for name in given}
    if "retry_schedule" in values:
        values["retry_schedule"] = values["retry_schedule"] or None
    if "events" in values:
        values["event_types"], values["event_groups"] = catalogue.expanded(values.pop("events"))
    return values, {str(name): " ".join(map(str, messages)) for name, messages in form.errors.items()}


def _is(kind: str, value: Any) -> bool:
    if kind == STRINGS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind == NUMBER:
        return value is None or type(value) is int
    if kind == STRING_OR_NULL:
        return value is None or isinstance(value, str)
    return isinstance(value, bool if kind == BOOLEAN else str)


def _as_typed(value: Any) -> Any:
    """Return a value as a person would have typed it into the form."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value) if isinstance(value, int) else value
