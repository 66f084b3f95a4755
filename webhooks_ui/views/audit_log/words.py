"""How the pages show an audit entry: its action in words, what changed, and a link to its object."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries.filters import LABELS as FILTERS
from webhooks_ui.masking import mask_url
from webhooks_ui.models import ApiKey, AuditEntry, BulkAction, Delivery, User, Webhook
from webhooks_ui.models.visible import words
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.views.audit_log.filter_words import filters_in_words

OBJECTS = {
    "webhook": "Webhook",
    "delivery": "Delivery",
    "bulk_action": "Bulk action",
    "api_key": "API key",
    "settings": "Settings",
    "secrets": "Secrets",
    "user": "User",
    "event_type": "Event type",
    "inspector": "Inspector",
    "test_payload": "Test payload",
    "saved_filter": "Saved filter",
    "team": "Team",
}
ACTIONS = {
    "webhook.created": "Created",
    "webhook.updated": "Edited",
    "webhook.activated": "Activated",
    "webhook.deactivated": "Deactivated",
    "webhook.disabled": "Disabled automatically",
    "webhook.secret_replaced": "Secret replaced",
    "webhook.secret_ended": "Older secret ended",
    "webhook.secret_revealed": "Secret revealed",
    "webhook.secret_copied": "Secret copied",
    "webhook.tested": "Test event sent",
    "webhook.deleted": "Deleted",
    "delivery.retried": "Retried",
    "delivery.resent": "Resent",
    "delivery.exported": "Exported",
    "delivery.purged": "Purged",
    "delivery.replayed": "Sent to another webhook",
    "bulk_action.retry": "Bulk retry started",
    "bulk_action.cancel": "Bulk cancellation started",
    "bulk_action.send_missed": "Sending missed events started",
    "bulk_action.stopped": "Stopped",
    "bulk_action.continued": "Continued",
    "api_key.created": "Created",
    "api_key.updated": "Edited",
    "api_key.rolled": "Rolled",
    "api_key.older_ended": "Old text ended",
    "api_key.revoked": "Revoked",
    "settings.updated": "Saved",
    "secrets.keys_accepted": "Keys accepted after a loss",
    "event_type.created": "Added",
    "event_type.updated": "Edited",
    "event_type.deleted": "Deleted",
    "inspector.created": "Created",
    "inspector.deleted": "Deleted",
    "inspector.ended": "Ended, unused",
    "test_payload.saved": "Saved",
    "test_payload.deleted": "Deleted",
    "saved_filter.shared": "Shared",
    "saved_filter.unshared": "No longer shared",
    "saved_filter.deleted": "Deleted",
    "user.created": "Created",
    "user.invited": "Invited",
    "user.joined": "Joined",
    "user.renamed": "Renamed",
    "user.role_changed": "Role changed",
    "user.deactivated": "Deactivated",
    "user.activated": "Activated",
    "user.signed_in": "Signed in",
    "user.sign_in_failed": "Failed to sign in",
    "user.signed_out": "Signed out",
    "user.session_ended": "Session ended",
    "user.sessions_ended": "Sessions ended",
    "user.password_changed": "Password changed",
    "user.password_removed": "Password removed",
    "user.password_reset": "Password reset",
    "user.password_link_sent": "Link for a new password mailed",
    "user.authenticator_enabled": "Authenticator app set up",
    "user.authenticator_removed": "Authenticator app removed",
    "user.passkey_added": "Passkey added",
    "user.passkey_removed": "Passkey removed",
    "user.recovery_codes_made": "Recovery codes made",
    "user.recovery_code_used": "Recovery code used",
    "user.second_factor_reset": "Second factor reset",
    "user.sso_linked": "Linked to single sign-on",
    "user.sso_unlinked": "Unlinked from single sign-on",
    "secrets.rotated": "Encrypted with a new key",
    "team.updated": "Rules saved",
}
LABELS = {
    "url": "URL",
    "event_types": "Events",
    "event_groups": "New events of",
    "type": "Event type",
    "in_order": "Keep the order",
    "auth": "Authentication",
    "fields": "Data",
    "retry_delays": "Delays of its own schedule",
    "timeout_seconds": "Timeout in seconds",
    "second_factor_roles": "Roles that need a second factor",
    "webhook_id": "Webhook",
    **{name: FILTERS[name] for name in ("q", "code", "since", "until")},
}
UNSET = {  # what an empty field means
    "retry_schedule": "same as in Settings",
    "rate_limit": "none",
    "auth": "none",
    "client_certificate": "none",
    "expires_at": "never",
    "timeout_seconds": "the usual one",
}
IN_WORDS = ("role", "second_factor_roles", "environment")  # fields whose values other pages show in words
PAGES = {
    "webhook": lambda id: url_for("webhooks.show", webhook_id=id),
    "delivery": lambda id: url_for("deliveries.show", delivery_id=id),
    "bulk_action": lambda id: url_for("bulk_actions.show", action_id=id),
    "api_key": lambda id: url_for("api_keys.show", key_id=id),
    "user": lambda id: url_for("team.show", user_id=id),
}
WITHOUT_NUMBER = {"settings": "settings.edit", "team": "team.index"}
ROWS = {
    "webhook": select(Webhook.id).where(IS_LIVE),
    "delivery": select(Delivery.id),
    "bulk_action": select(BulkAction.id),
    "api_key": select(ApiKey.id),
    "user": select(User.id),
}


@dataclass(frozen=True)
class Change:
    """A changed field of an entry. A list has what was added and removed, another field its values or None."""

    label: str
    before: str | None = None
    after: str | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def action(entry: AuditEntry) -> str:
    return ACTIONS.get(entry.action, entry.action)


def object_text(entry: AuditEntry) -> str:
    """Return for example ``Webhook 42``, or ``Settings`` for an object without a number."""
    name = OBJECTS.get(entry.object_type, entry.object_type)
    return name if entry.object_id is None else f"{name} {entry.object_id}"


def action_choices(chosen: str) -> list[tuple[str, str]]:
    """Return the options of a select, with ``chosen`` among them."""
    choices = [(name, f"{OBJECTS[name.partition('.')[0]]}: {text.lower()}") for name, text in ACTIONS.items()]
    typed = [(chosen, chosen)] if chosen and chosen not in ACTIONS else []
    return [("", "All actions"), *typed, *choices]


def label_of(field: str) -> str:
    """Return what pages call a field that was changed."""
    return LABELS.get(field, words(field))


def changes(entry: AuditEntry, webhook_names: Mapping[int, str] | None = None) -> list[Change]:
    """Return the changed fields of an entry.

    Args:
        webhook_names: of the webhooks that the entry's filters mean, by their numbers.
    """
    names = webhook_names or {}
    before, after = (filters_in_words(entry, fields or {}, names) for fields in (entry.before, entry.after))
    return [_change(name, before, after) for name in dict.fromkeys([*before, *after])]


def links(entries: Iterable[AuditEntry]) -> dict[int, str]:
    """Return the address of the object's page for each entry whose object still has one, by the entry's id."""
    entries = list(entries)
    there = {type: _there(type, entries) for type in ROWS}
    found = {entry.id: PAGES[entry.object_type](entry.object_id) for entry in entries if _is_there(entry, there)}
    return found | {
        entry.id: url_for(WITHOUT_NUMBER[entry.object_type]) for entry in entries if entry.object_type in WITHOUT_NUMBER
    }


def _there(type: str, entries: list[AuditEntry]) -> set[int]:
    ids = {entry.object_id for entry in entries if entry.object_type == type}
    rows = ROWS[type]
    return set(db.session.scalars(rows.where(rows.selected_columns.id.in_(ids)))) if ids else set()


def _is_there(entry: AuditEntry, there: dict[str, set[int]]) -> bool:
    return entry.object_id in there.get(entry.object_type, ())


def _change(name: str, before: dict[str, Any], after: dict[str, Any]) -> Change:
    label = label_of(name)
    old, new = before.get(name), after.get(name)
    if isinstance(old, list) and isinstance(new, list):
        added = tuple(_part(name, value) for value in new if value not in old)
        removed = tuple(_part(name, value) for value in old if value not in new)
        if added or removed:
            return Change(label, added=added, removed=removed)
    return Change(label, _text(name, old) if name in before else None, _text(name, new) if name in after else None)


def _text(name: str, value: Any) -> str:
    if value is None:
        return UNSET.get(name, "")
    if name == "url":
        return mask_url(str(value))  # entries of older versions hold the whole
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_part(name, part) for part in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else _part(name, value)


def _part(name: str, value: Any) -> str:
    return words(value) if name in IN_WORDS and isinstance(value, str) else str(value)
