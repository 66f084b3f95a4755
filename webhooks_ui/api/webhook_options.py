"""Reads the options of a webhook from JSON, and writes them without their secrets."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app

from webhooks_ui.events import strict_json
from webhooks_ui.events.conditions import Condition, Filter, Match, Operator, split_values
from webhooks_ui.events.selection import Mode, Selection
from webhooks_ui.models import Webhook
from webhooks_ui.schedules import WrongDelays, check_delays
from webhooks_ui.webhooks import options
from webhooks_ui.webhooks.client_certificates import Pair, known_of, wrong_pair
from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.oauth import ClientAuthentication, Grant, grant_of
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, OwnHeader, wrong_auth, wrong_headers
from webhooks_ui.webhooks.targets import check_url

NAMES = ("headers", "auth", "client_certificate", "filter", "fields", "retry_delays")

HEADERS = 'an array of objects with name and value, such as {"name": "X-Tenant", "value": "emea"}'
AUTH = (
    'null, {"type": "basic", "username": …, "password": …}, {"type": "bearer", "token": …} '
    'or {"type": "oauth", "token_url": …, "client_id": …, "client_secret": …}'
)
CERTIFICATE = 'null, or {"certificate": …, "key": …}, both in PEM'
FILTER = "null, or an object with match and conditions, each with field, operator and value"
FIELDS = "null, or an object with mode, paths and extra"
DELAYS = "null, or an array of whole numbers of seconds"

OAUTH_REQUIRED = {"type", "token_url", "client_id", "client_secret"}
OAUTH = OAUTH_REQUIRED | {"scope", "audience", "resource", "client_authentication"}


class WrongOption(ValueError):
    """An option isn't what it should be. The message is a sentence."""


def read_options(body: Mapping[str, Any], stored: Webhook | None, event_types: Iterable[str]) -> dict[str, Any]:
    """Return the values of the columns of those options that ``body`` has.

    Args:
        body: numbers in the filter and the fields are ``strict_json.Number``.
        stored: the webhook whose secrets are kept where ``body`` has ``MASK``.
        event_types: the types that the webhook will be subscribed to.

    Raises:
        WrongOptions: with a sentence per wrong option.
    """
    read: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name in NAMES:
        if name in body:
            try:
                read[name] = _READERS[name](body[name], stored, list(event_types))
            except WrongOption as error:
                wrong[name] = str(error)
    if wrong:
        raise WrongOptions(wrong, read)
    return read


class WrongOptions(ValueError):
    """Some options are wrong. ``errors`` has a sentence for each, by its name, and ``read`` has the others' values."""

    def __init__(self, errors: dict[str, str], read: dict[str, Any]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors
        self.read = read


def as_json(webhook: Webhook) -> dict[str, Any]:
    """Return the options of a webhook, to be written by ``literal_json``. ``MASK`` stands for what is secret."""
    return {
        "headers": [{"name": header["name"], "value": MASK} for header in webhook.headers],
        "auth": _auth_json(webhook.auth),
        "client_certificate": {"certificate": MASK, "key": MASK} if webhook.client_certificate else None,
        "client_certificate_details": _details(webhook.client_certificate),
        "filter": found.as_json() if (found := Filter.parse(webhook.filter)) else None,
        "fields": _fields_json(webhook.fields),
        "retry_delays": webhook.retry_delays,
        "timeout_seconds": webhook.timeout_seconds,
    }


def _fields_json(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    selection = Selection.parse(stored)
    return {**selection.as_json(), "extra": selection.extra} if selection else None


def _auth_json(auth: Mapping[str, str] | None) -> dict[str, str] | None:
    if not auth:
        return None
    if auth["kind"] == AuthKind.BASIC:
        return {"type": "basic", "username": auth["username"], "password": MASK}
    if auth["kind"] == AuthKind.BEARER:
        return {"type": "bearer", "token": MASK}
    grant = grant_of(auth)._asdict()
    method = grant.pop("method")
    return {
        "type": "oauth",
        "client_id": auth["username"],
        "client_secret": MASK,
        "client_authentication": method,
        **grant,
    }


def _details(stored: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Return what people may know of a client certificate."""
    known = known_of(stored)
    if known is None:
        return None
    times = {name: getattr(known, name).isoformat() for name in ("starts_at", "ends_at")}
    return {"subject": known.subject, "issuer": known.issuer, **times}


def _headers(value: Any, stored: Webhook | None, _types: list[str]) -> list[OwnHeader]:
    if not isinstance(value, list) or not all(_is_object(item, {"name": str, "value": str}) for item in value):
        raise WrongOption(f"This field is {HEADERS}.")
    headers = [OwnHeader(item["name"], item["value"]) for item in value]
    _raise_if(wrong_headers(headers, stored.headers if stored else ()))
    return headers


def _auth(value: Any, stored: Webhook | None, _types: list[str]) -> Auth | None:
    if value is None:
        return None
    if _is_object(value, {"type": str, "username": str, "password": str}) and value["type"] == AuthKind.BASIC:
        auth = Auth(AuthKind.BASIC, value["username"], value["password"])
    elif _is_object(value, {"type": str, "token": str}) and value["type"] == AuthKind.BEARER:
        auth = Auth(AuthKind.BEARER, "", value["token"])
    elif _is_oauth(value):
        return _oauth(value, stored)
    else:
        raise WrongOption(f"This field is {AUTH}.")
    _raise_if(wrong_auth(auth, stored.auth if stored else None))
    return auth


def _is_oauth(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") != AuthKind.OAUTH:
        return False
    return OAUTH_REQUIRED <= value.keys() <= OAUTH and all(isinstance(item, str) for item in value.values())


def _oauth(value: Mapping[str, str], stored: Webhook | None) -> Auth:
    texts = {name: value.get(name, "") for name in ("token_url", "scope", "audience", "resource")}
    grant = Grant(**texts, method=value.get("client_authentication", ClientAuthentication.BASIC))
    try:
        if grant.token_url:
            grant = grant._replace(token_url=check_url(grant.token_url, current_app.config["ALLOWED_TARGETS"]))
    except TargetError as error:
        raise WrongOption(f"The token URL can't be used. {error}") from None
    auth = Auth(AuthKind.OAUTH, value["client_id"], value["client_secret"], grant)
    _raise_if(wrong_auth(auth, stored.auth if stored else None))
    return auth


def _client_certificate(value: Any, stored: Webhook | None, _types: list[str]) -> Pair | None:
    if value is None:
        return None
    if not _is_object(value, {"certificate": str, "key": str}):
        raise WrongOption(f"This field is {CERTIFICATE}.")
    pair = Pair(value["certificate"].strip(), value["key"].strip())
    _raise_if(" ".join(wrong_pair(pair, stored.client_certificate if stored else None).values()))
    return pair


def _filter(value: Any, _stored: Webhook | None, types: list[str]) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() - {"match", "conditions"} or "conditions" not in value:
        raise WrongOption(f"This field is {FILTER}.")
    match, conditions = value.get("match", Match.ALL), value["conditions"]
    if not isinstance(match, str) or not isinstance(conditions, list) or not all(map(_is_condition, conditions)):
        raise WrongOption(f"This field is {FILTER}.")
    typed = [
        {"field": item["field"], "operator": item["operator"], "value": _typed(item.get("value", ""))}
        for item in conditions
    ]
    for item in conditions:
        _raise_if(_wrong_list(item))
    _raise_if(options.wrong_conditions(match, typed, types))
    checked = tuple(Condition(item["field"], Operator(item["operator"]), item["value"]) for item in typed)
    return Filter(Match(match), checked).as_json() if checked else None


def _fields(value: Any, _stored: Webhook | None, _types: list[str]) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() - {"mode", "paths", "extra"}:
        raise WrongOption(f"This field is {FIELDS}.")
    mode, paths, extra = value.get("mode", Mode.LEAVE_OUT), value.get("paths", []), value.get("extra", {})
    if mode not in tuple(Mode):
        raise WrongOption(f"The mode is {' or '.join(Mode)}.")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise WrongOption("The paths are an array of strings.")
    _raise_if(options.wrong_extra(extra))
    if paths or not extra or mode == Mode.KEEP:
        _raise_if(options.wrong_paths(mode, paths))
    return Selection(Mode(mode), tuple(paths), extra).as_json()


def _delays(value: Any, _stored: Webhook | None, _types: list[str]) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(seconds) is int for seconds in value):
        raise WrongOption(f"This field is {DELAYS}.")
    try:
        return check_delays(value)
    except WrongDelays as error:
        raise WrongOption(str(error)) from None


_READERS = {
    "headers": _headers,
    "auth": _auth,
    "client_certificate": _client_certificate,
    "filter": _filter,
    "fields": _fields,
    "retry_delays": _delays,
}


def _is_condition(item: Any) -> bool:
    """Return True for an object with field, operator, and a value that a person could have typed."""
    if not isinstance(item, dict) or item.keys() - {"field", "operator", "value"}:
        return False
    if not isinstance(item.get("field"), str) or not isinstance(item.get("operator"), str):
        return False
    value = item.get("value", "")
    values = value if isinstance(value, list) else [value]
    return all(isinstance(part, str | bool | strict_json.Number) or part is None for part in values)


def _wrong_list(condition: Mapping[str, Any]) -> str:
    """Return what is wrong with a condition whose value is a list, or an empty text."""
    value, field = condition.get("value"), condition["field"]
    if not isinstance(value, list):
        return ""
    if condition["operator"] != Operator.ONE_OF:
        return f"The condition on {field} takes one value. For several values, use {Operator.ONE_OF}."
    if any(isinstance(part, str) and split_values(part) != [part] for part in value):
        return f"The values for {field} can't be empty, contain commas, or begin or end with spaces."
    return ""


def _typed(value: Any) -> str:
    """Return a value as a person would have typed it. A list is that of *one of*."""
    if isinstance(value, list):
        return ", ".join(map(_typed, value))
    return value if isinstance(value, str) else strict_json.render_literally(value)


def _is_object(value: Any, members: Mapping[str, type]) -> bool:
    if not isinstance(value, dict) or value.keys() != members.keys():
        return False
    return all(isinstance(value[name], kind) for name, kind in members.items())


def _raise_if(wrong: str) -> None:
    if wrong:
        raise WrongOption(wrong)
