"""Webhooks whose secret none of ENCRYPTION_KEYS can decrypt. Their deliveries wait until that is repaired.

A chore marks them, so that pages don't have to decrypt all secrets. Replacing the secret takes the mark off.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, update

from webhooks_ui.database import db, release, write_transaction
from webhooks_ui.models import Webhook, secret_box, utcnow
from webhooks_ui.models.webhook_state import IS_LIVE, IS_UNREADABLE, MAY_AIL

EXPLANATION = "The secret can't be decrypted: the key that encrypted it is not in ENCRYPTION_KEYS."

BATCH_ROWS = 1_000


def lost_options(webhook: Webhook) -> str:
    """Return which options of a webhook can't be decrypted, in a sentence, or an empty text."""
    lost = lost_parts(webhook.headers, webhook.auth, webhook.client_certificate)
    if not lost:
        return ""
    return (
        f"The {' and the '.join(lost)} can't be decrypted: the key is not in ENCRYPTION_KEYS, so nothing is sent. "
        "Put the key back, or set them anew."
    )


def lost_parts(
    headers: Sequence[Mapping[str, Any]], auth: Mapping[str, Any] | None, certificate: Mapping[str, Any] | None
) -> list[str]:
    """Return the names of those of a webhook's options that can't be decrypted."""
    parts = {"headers": headers, "credentials": [auth or {}], "client certificate": [certificate or {}]}
    return [name for name, entries in parts.items() if not all(map(_is_readable, entries))]


def _is_readable(entry: Mapping[str, Any]) -> bool:
    return all(secret_box.is_readable(value) for name, value in entry.items() if name.endswith("_encrypted"))


_readable: frozenset[str] = frozenset()  # what was decrypted before needn't be decrypted again in this process


def unreadable_ids() -> list[int]:
    """Return the ids of the live webhooks that ``mark`` found unreadable. This is quick for any number of webhooks."""
    query = select(Webhook.id).where(IS_LIVE, MAY_AIL, IS_UNREADABLE).order_by(Webhook.id)
    return list(db.session.scalars(query.with_hint(Webhook, "INDEXED BY ix_webhooks_ailing", "sqlite")))


def mark() -> None:
    """Try to decrypt the secret of each live webhook. Mark those that have become unreadable, or readable again.

    It opens its own transactions.
    """
    global _readable
    rows = db.session.execute(select(Webhook.id, IS_UNREADABLE, Webhook.secret_encrypted).where(IS_LIVE)).all()
    release()  # hold no transaction open while decrypting
    secrets = {secret for _, _, secret in rows}
    _readable = frozenset(secret for secret in secrets if secret in _readable or secret_box.is_readable(secret))
    lost = [id for id, was_lost, secret in rows if secret not in _readable and not was_lost]
    found = [id for id, was_lost, secret in rows if secret in _readable and was_lost]
    _mark(lost, ~IS_UNREADABLE, {"unreadable_at": utcnow(), "notified_at": None})
    _mark(found, IS_UNREADABLE, {"unreadable_at": None})


def _mark(ids: Sequence[int], condition: ColumnElement[bool], values: dict[str, object]) -> None:
    for start in range(0, len(ids), BATCH_ROWS):
        batch = Webhook.id.in_(ids[start : start + BATCH_ROWS])
        with write_transaction() as connection:
            connection.execute(update(Webhook).where(batch, condition).values(values))
