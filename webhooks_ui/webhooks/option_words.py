"""A webhook's options in words, without secrets: for the audit log, the conflict page and the webhook's page."""

from collections.abc import Iterable, Mapping
from typing import Any

from webhooks_ui.events import strict_json
from webhooks_ui.events.conditions import UNREADABLE_FILTER, Filter, Match
from webhooks_ui.events.selection import UNREADABLE_SELECTION, Mode, Selection
from webhooks_ui.masking import mask_url
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.client_certificates import certificate_lines
from webhooks_ui.webhooks.oauth import grant_of
from webhooks_ui.webhooks.own_headers import MASK, AuthKind

NEW_VALUE = "(new value)"


def shown(fields: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the fields of a webhook with its options as people may see them.

    Args:
        before: the fields before a change. A value that replaces another one is marked as new.
    """
    words = dict(fields)
    if "headers" in fields:
        words["headers"] = header_lines(fields["headers"], before["headers"] if before else ())
    if "auth" in fields:
        words["auth"] = auth_text(fields["auth"], before["auth"] if before else None)
    if "client_certificate" in fields:
        old = before["client_certificate"] if before else None
        words["client_certificate"] = pair_lines(fields["client_certificate"], old)
    if "filter" in fields:
        words["filter"] = filter_lines(fields["filter"])
    if "fields" in fields:
        words["fields"] = selection_lines(fields["fields"])
    return words


def facts(webhook: Webhook) -> list[tuple[str, list[str]]]:
    """Return the name of each option that is set, and what it is set to, as lines."""
    auth = auth_text(webhook.auth)
    options = {
        "Filter": filter_lines(webhook.filter),
        "Data": selection_lines(webhook.fields),
        "Headers": header_lines(webhook.headers),
        "Authentication": [auth] if auth else [],
        "Client certificate": pair_lines(webhook.client_certificate),
        "Timeout": [f"{webhook.timeout_seconds} s"] if webhook.timeout_seconds else [],
    }
    return [(name, lines) for name, lines in options.items() if lines]


def header_lines(headers: Iterable[Mapping[str, str]], before: Iterable[Mapping[str, str]] = ()) -> list[str]:
    """Return ``X-Tenant: ••••••••`` for each header."""
    old = {header["name"]: header["value_encrypted"] for header in before}
    return [
        f"{header['name']}: {MASK}" + _new(old.get(header["name"]), header["value_encrypted"]) for header in headers
    ]


def auth_text(auth: Mapping[str, str] | None, before: Mapping[str, str] | None = None) -> str | None:
    """Return ``Basic, user ada``, ``Bearer token`` or the words for OAuth. ``None``: no authentication."""
    if not auth:
        return None
    text = _AUTH_WORDS[AuthKind(auth["kind"])](auth)
    is_alike = before and (before["kind"], before["username"]) == (auth["kind"], auth["username"])
    return text + _new(before["secret_encrypted"] if before and is_alike else None, auth["secret_encrypted"])


def _oauth_text(auth: Mapping[str, str]) -> str:
    grant = grant_of(auth)
    asked = (("scope", grant.scope), ("audience", grant.audience), ("resource", grant.resource))
    parts = [f"OAuth, client {auth['username']}", f"token from {mask_url(grant.token_url)}"]
    return ", ".join([*parts, *(f"{name} {value}" for name, value in asked if value), f"by {grant.method}"])


_AUTH_WORDS = {
    AuthKind.BASIC: lambda auth: f"Basic, user {auth['username']}",
    AuthKind.BEARER: lambda auth: "Bearer token",
    AuthKind.OAUTH: _oauth_text,
}


def pair_lines(stored: Mapping[str, Any] | None, before: Mapping[str, Any] | None = None) -> list[str]:
    """Return what people may know of a client certificate, a line each."""
    lines = certificate_lines(stored)
    if stored and before:
        lines[-1] += _new(before["certificate_encrypted"], stored["certificate_encrypted"])
    return lines


def filter_lines(stored: Mapping[str, Any] | None) -> list[str]:
    """Return each condition in words, after a line that says which must hold."""
    filter = Filter.parse(stored)
    if filter is None:
        return []
    if filter is UNREADABLE_FILTER:
        return ["It can't be read, so it lets no event pass"]
    lines = [condition.words for condition in filter.conditions]
    which = "All of these must hold" if filter.match is Match.ALL else "Any of these must hold"
    return [which, *lines] if len(lines) > 1 else lines


def selection_lines(stored: Mapping[str, Any] | None) -> list[str]:
    """Return what is left out, kept and added, a line each."""
    selection = Selection.parse(stored)
    if selection is None:
        return []
    if selection is UNREADABLE_SELECTION:
        return ["It can't be read, so nothing is sent"]
    verb = "Only" if selection.mode is Mode.KEEP else "Without"
    added = (f"With {name}: {strict_json.render_literally(value)}" for name, value in selection.extra.items())
    return [*(f"{verb} {path}" for path in selection.paths), *added]


def _new(before: str | None, after: str) -> str:
    return f" {NEW_VALUE}" if before is not None and before != after else ""
