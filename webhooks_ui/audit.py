"""Writes audit entries. The caller commits them together with what they tell of."""

from typing import Any

from flask import g, has_app_context, has_request_context, request

from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry

SECRET_FIELDS = frozenset({"secret", "secret_encrypted", "previous_secret_encrypted", "password_hash", "digest"})
SYSTEM = "system"


def act_as(actor: str) -> None:
    """Name who makes the changes of the present request: an e-mail address, or ``key km_…``."""
    g.actor = actor


def present_actor() -> str:
    """Return who makes the present changes: as told to ``act_as``, else ``system``."""
    return str(g.get("actor", SYSTEM)) if has_app_context() else SYSTEM


def record(
    action: str,
    object_type: str,
    object_id: int | None,
    object_name: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an entry to the session. Fields that hold secrets are left out, and unchanged ones too.

    Args:
        action: what was done, as ``webhook.updated``.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
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
    return {name: value for name, value in fields.items() if name in names and name not in SECRET_FIELDS}
