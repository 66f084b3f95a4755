"""API keys: creating and revoking them. The session owns the transaction."""

from typing import Any

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, utcnow


def create(fields: dict[str, Any]) -> tuple[ApiKey, str]:
    """Add a key.

    Args:
        fields: ``name``, ``environment`` and ``rate_per_minute``.
    Returns:
        The key and, for the only time, its text ``km_…``.
    """
    key, text = ApiKey.make(**fields)
    db.session.add(key)
    db.session.flush()
    audit.record("api_key.created", "api_key", key.id, key.name, after=fields)
    return key, text


def revoke(key: ApiKey) -> bool:
    """Revoke a key, at once and for good. Return False if that was done before."""
    if key.revoked_at is not None:
        return False
    key.revoked_at = utcnow()
    audit.record("api_key.revoked", "api_key", key.id, key.name)
    return True
