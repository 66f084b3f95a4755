"""Creates, changes, rolls and revokes API keys in the session. The caller commits. All is recorded in the audit log."""

from datetime import timedelta
from typing import Any

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, ApiKeyStatus, utcnow

CHANGEABLE = ("name", "scopes", "rate_per_minute", "expires_at")


class NotRolled(ValueError):
    """The key can't get a new text. The message is a sentence."""


def get(key_id: int, *, lock: bool = False) -> ApiKey | None:
    """Return the key with this id, or ``None``. With ``lock``, lock its row until the transaction ends."""
    return db.session.get(ApiKey, key_id, with_for_update=lock or None)


def create(fields: dict[str, Any]) -> tuple[ApiKey, str]:
    """Add a key. Return the key and its text ``km_…``, which can't be read again later.

    Args:
        fields: ``name``, ``environment``, ``scopes``, ``rate_per_minute`` (requests), and ``expires_at`` or ``None``.
    """
    key, text = ApiKey.make(**fields)
    db.session.add(key)
    db.session.flush()
    _record("created", key, after=_as_json(fields | {"scopes": key.scopes}))
    return key, text


def edit(key: ApiKey, fields: dict[str, Any]) -> bool:
    """Set those of ``CHANGEABLE`` that are in ``fields``. Return False if nothing changed."""
    before = {name: getattr(key, name) for name in CHANGEABLE}
    after = before | {name: value for name, value in fields.items() if name in CHANGEABLE}
    if before == after:
        return False
    for name, value in after.items():
        setattr(key, name, value)
    _record("updated", key, _as_json(before), _as_json(after))
    return True


def roll(key: ApiKey, overlap_hours: int) -> str:
    """Give the key a new text, and return it. Its present text works for ``overlap_hours`` more.

    Raises:
        NotRolled: The key was revoked or has expired.
    """
    if key.status is ApiKeyStatus.REVOKED:
        raise NotRolled(f"{key.name} was revoked, so it can't be rolled. Create a new key.")
    if key.status is ApiKeyStatus.EXPIRED:
        raise NotRolled(f"{key.name} has expired, so a new text would not work. Give it a later end first.")
    text = key.roll(timedelta(hours=overlap_hours))
    _record("rolled", key, after={"overlap_hours": overlap_hours})
    return text


def end_older(key: ApiKey) -> bool:
    """Refuse the key's old text from now on. Return False if it had ended before."""
    had_older = key.has_older
    key.end_older()
    if had_older:
        _record("older_ended", key)
    return had_older


def revoke(key: ApiKey) -> bool:
    """Revoke a key at once and for good. Return False if it was revoked before."""
    if key.revoked_at is not None:
        return False
    key.revoked_at = utcnow()
    key.end_older()
    _record("revoked", key)
    return True


def _record(what: str, key: ApiKey, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None) -> None:
    audit.record(f"api_key.{what}", "api_key", key.id, key.name, before, after)


def _as_json(fields: dict[str, Any]) -> dict[str, Any]:
    expires_at = fields.get("expires_at")
    return fields | {"expires_at": expires_at.isoformat() if expires_at else None}
