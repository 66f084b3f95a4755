"""Creates and revokes API keys in the session. The caller commits."""

from typing import Any

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, utcnow


def create(fields: dict[str, Any]) -> tuple[ApiKey, str]:
    """Add a key. Return the key and its text ``km_…``, which can't be read again later.

    Args:
        fields: ``name``, ``environment`` and ``rate_per_minute`` (requests).
    """
    key, text = ApiKey.make(**fields)
    db.session.add(key)
    db.session.flush()
    audit.record("api_key.created", "api_key", key.id, key.name, after=fields)
    return key, text


def revoke(key: ApiKey) -> bool:
    """Revoke a key at once and for good. Return False if it was revoked before."""
    if key.revoked_at is not None:
        return False
    key.revoked_at = utcnow()
    audit.record("api_key.revoked", "api_key", key.id, key.name)
    return True
