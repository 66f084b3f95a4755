"""Writes audit entries; the caller commits them together with what they tell of."""

from typing import Any

from flask import g, has_request_context, request
from flask_login import current_user

from webhooks_ui.extensions import db
from webhooks_ui.models import AuditEntry

SECRET_FIELDS = frozenset({"secret", "secret_encrypted", "previous_secret_encrypted", "password_hash", "digest"})


def record(
    action: str,
    object_type: str,
    object_id: int | None,
    object_name: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    actor: str | None = None,
) -> None:
    """Add an entry to the session. Fields that hold secrets are left out; unchanged fields too.

    Args:
        action: what was done, as ``webhook.updated``.
        actor: who did it; by default the API key or the person signed in, outside a request ``system``.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        before, after = _only(before, changed), _only(after, changed)
    db.session.add(
        AuditEntry(
            actor=actor or _actor(),
            address=request.remote_addr if has_request_context() else None,
            action=action,
            object_type=object_type,
            object_id=object_id,
            object_name=object_name,
            before=_only(before, before.keys()) if before is not None else None,
            after=_only(after, after.keys()) if after is not None else None,
        )
    )


def _actor() -> str:
    if has_request_context() and request.blueprint == "api":
        return str(g.actor)
    return current_user.email if has_request_context() and current_user.is_authenticated else "system"


def _only(fields: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in names and name not in SECRET_FIELDS}
