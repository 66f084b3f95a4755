"""Writes audit entries. The caller commits each entry together with the change that it describes."""

from typing import Any

from flask import g, has_app_context, has_request_context, request

from webhooks_ui.database import db
from webhooks_ui.masking import mask_url
from webhooks_ui.models import AuditEntry

SECRET_FIELDS = frozenset(
    {"secret", "secret_encrypted", "older_secrets", "password_hash", "digest", "totp_secret_encrypted"}
)
SYSTEM = "system"
ANONYMOUS = "anonymous"  # somebody who has not signed in
PROVIDER = "single sign-on"


def act_as(actor: str) -> None:
    """Set the actor of the current request: an email address, or ``key km_…``."""
    g.actor = actor


def present_actor() -> str:
    """Return the actor that ``act_as`` set, or ``system`` if none was set."""
    return str(g.get("actor", SYSTEM)) if has_app_context() else SYSTEM


def record(
    action: str,
    object_type: str,
    object_id: int | None,
    object_name: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an entry to the session. It leaves out fields that hold secrets, and unchanged fields. It masks the URL.

    A change that left every field as it was gets no entry.

    Args:
        action: What was done, such as ``webhook.updated``.
        before: The fields before the change. ``None`` if the object is new.
        after: The fields after the change. ``None`` if the object is gone.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if not changed:
            return
        before, after = _only(before, changed), _only(after, changed)
    db.session.add(
        AuditEntry(
            actor=present_actor(),
            address=request.remote_addr if has_request_context() else None,
            action=action,
            object_type=object_type,
            object_id=object_id,
            object_name=object_name,
            before=_only(before, before.keys()) if before is not None else None,
            after=_only(after, after.keys()) if after is not None else None,
        )
    )


def _only(fields: dict[str, Any], names: Any) -> dict[str, Any]:
    kept = {name: value for name, value in fields.items() if name in names and name not in SECRET_FIELDS}
    return kept | {"url": mask_url(kept["url"])} if kept.get("url") else kept
