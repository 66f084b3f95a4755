"""The changes that people may make to a webhook. Each one is recorded in the audit log.

All of them run in the session's transaction, which the caller commits. A change that makes deliveries due wakes the
workers after the commit.
"""

from collections.abc import Iterable
from datetime import timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from werkzeug.exceptions import Conflict, NotFound

from webhooks_ui import audit
from webhooks_ui.database import after_commit, db
from webhooks_ui.events.formats import Rate, rate_after
from webhooks_ui.models import Delivery, DeliveryTrigger, Webhook, WebhookFormat, secret_box, utcnow
from webhooks_ui.models.delivery import GIVEN_UP, PENDING, is_free
from webhooks_ui.models.kept_json import Damaged
from webhooks_ui.models.webhook import OLDER_SECRETS_MAX, RatePeriod, in_grace
from webhooks_ui.wake import wake
from webhooks_ui.webhooks.client_certificates import seal_pair
from webhooks_ui.webhooks.new_host import stored_of, wrong_host
from webhooks_ui.webhooks.option_words import shown
from webhooks_ui.webhooks.own_event_types import complete_groups
from webhooks_ui.webhooks.own_headers import seal_auth, seal_headers

GRACE_HOURS_MAX = 7 * 24
FIELDS = (
    "name",
    "url",
    "environment",
    "description",
    "format",
    "retry_schedule",
    "retry_delays",
    "timeout_seconds",
    "headers",
    "auth",
    "client_certificate",
    "filter",
    "fields",
    "rate_limit",
    "rate_period",
    "in_order",
    "active",
    "event_types",
    "event_groups",
)

DECIDES_ANSWER = ("url", "format", "timeout_seconds", "headers", "auth", "client_certificate")  # beside the secret


class TooManySecrets(ValueError):
    """A webhook signs with as many older secrets as it may. The message is a sentence."""


def get(webhook_id: int, environment: str = "", *, lock: bool = False) -> Webhook:
    """Return the webhook with this id.

    Args:
        environment: The environment that it must belong to. An empty text means any.
        lock: Whether to lock the row until the transaction ends. Who inserts rows that refer to it needn't wait.

    Raises:
        werkzeug.exceptions.NotFound: The webhook doesn't exist, was deleted, or belongs to another environment.
    """
    webhook = db.session.get(Webhook, webhook_id, with_for_update={"key_share": True} if lock else None)
    if webhook is None or webhook.is_deleted or environment not in ("", webhook.environment):
        raise NotFound
    return webhook


def count_pending(webhook_ids: Iterable[int]) -> int:
    """Return how many deliveries deleting these webhooks would cancel."""
    query = select(func.count()).select_from(Delivery)
    query = query.where(Delivery.webhook_id.in_(webhook_ids), PENDING, is_free())
    return db.session.scalar(query) or 0


def fields_of(webhook: Webhook) -> dict[str, Any]:
    """Return the current values of ``FIELDS``, which people may edit. The secret isn't among them."""
    return {name: getattr(webhook, name) for name in FIELDS}


def sealed(fields: dict[str, Any], stored: Webhook | None) -> dict[str, Any]:
    """Return ``fields`` with encrypted headers, authentication and client certificate.

    Raises:
        werkzeug.exceptions.Conflict: a value that is to be kept is no longer there, or must not go to another host.
    """
    if stored and (wrong := wrong_host(fields, stored_of(stored))):
        raise Conflict(wrong)
    ready = dict(fields)
    if "headers" in fields:
        ready["headers"] = seal_headers(fields["headers"], stored.headers if stored else ())
    if "auth" in fields:
        ready["auth"] = seal_auth(fields["auth"], stored.auth if stored else None)
    if "client_certificate" in fields:
        kept = stored.client_certificate if stored else None
        ready["client_certificate"] = seal_pair(fields["client_certificate"], kept)
    return ready


def create(fields: dict[str, Any], secret: str = "", like: Webhook | None = None) -> Webhook:
    """Add a webhook with these ``FIELDS``. Generate a secret if ``secret`` is empty.

    Without ``rate_limit`` it gets the one that the service of its format takes.

    Args:
        like: the webhook whose headers, authentication and client certificate are kept where ``fields`` has ``MASK``.
    """
    fields = _with_rate(sealed(fields, like), WebhookFormat.JSON, (None, RatePeriod.SECOND))
    webhook = Webhook(**fields, secret=secret or secret_box.generate())
    db.session.add(webhook)
    db.session.flush()
    _complete_groups(webhook)
    _record("created", webhook, after=fields_of(webhook))
    return webhook


def edit(webhook: Webhook, fields: dict[str, Any], secret: str = "", grace_hours: int = 0) -> None:
    """Set ``fields`` of the webhook. Replace its secret unless ``secret`` is empty.

    For ``grace_hours``, deliveries are also signed with the old secret.

    A new format without ``rate_limit`` brings the one that its service takes, unless somebody set another. In another
    environment, what is pending of the old one is cancelled.

    Raises:
        TooManySecrets: the old secret can't get a grace period, because three older ones are in theirs.
    """
    before = fields_of(webhook)
    fields = _with_rate(sealed(fields, webhook), webhook.format, (webhook.rate_limit, webhook.rate_period))
    for name, value in fields.items():
        setattr(webhook, name, value)
    if isinstance(webhook.older_secrets, Damaged):
        webhook.older_secrets = []  # nothing can be signed with them, and no form has them
    after = fields_of(webhook)
    if before != after:
        _touch(webhook)
        _complete_groups(webhook)
        moved = after["environment"] != before["environment"]
        _record("updated", webhook, before, after | (_cancel_pending(webhook) if moved else {}))
    if after["url"] != before["url"]:
        _end_throttle(webhook)  # another endpoint has asked for it
    if any(after[name] != before[name] for name in DECIDES_ANSWER):
        _probe(webhook)
    if (webhook.rate_limit, webhook.rate_period) != (before["rate_limit"], before["rate_period"]):
        webhook.paced_until = None  # the pause after the last request is that of the old rate
        after_commit(wake)
    if webhook.in_order != before["in_order"]:
        _keep_order(webhook)
    if secret:
        replace_secret(webhook, secret, grace_hours)
    if webhook.active and not before["active"]:
        _resume(webhook)


def set_active(webhook: Webhook, active: bool) -> bool:
    """Activate or deactivate the webhook. Return True if that changed it."""
    if webhook.active == active:
        return False
    webhook.active = active
    if active:
        _resume(webhook)
    _touch(webhook)
    _record("activated" if active else "deactivated", webhook, {"active": not active}, {"active": active})
    return True


def replace_secret(webhook: Webhook, secret: str, grace_hours: int) -> bool:
    """Sign with ``secret`` from now on. For ``grace_hours``, also sign with the old secret.

    Nothing changes if the webhook has this secret already. So a caller that got no answer may ask again. An older
    secret that becomes the present one again is no older one any more. Secrets that can't be decrypted end, because
    nothing can be signed with them. Return True if the old secret still signs.

    Raises:
        TooManySecrets: three older ones are in their grace periods already.
    """
    secret = secret_box.cleaned(secret)
    was_readable = webhook.is_readable
    if was_readable and secret == webhook.secret:
        return False
    older = [
        kept
        for kept in in_grace(webhook.older_secrets, utcnow())
        if secret_box.is_readable(kept["secret_encrypted"]) and secret_box.decrypt(kept["secret_encrypted"]) != secret
    ]
    if not was_readable:
        grace_hours = 0
    if grace_hours and len(older) >= OLDER_SECRETS_MAX:
        raise TooManySecrets(
            f"Deliveries are signed with {OLDER_SECRETS_MAX} older secrets already. End one of them first, or give the "
            "present one no grace period."
        )
    if grace_hours:
        expires_at = utcnow() + timedelta(hours=grace_hours)
        present = {
            "id": token_hex(4),
            "secret_encrypted": webhook.secret_encrypted,
            "expires_at": expires_at.isoformat(),
        }
        older = [present, *older]
    webhook.older_secrets = older
    webhook.secret = secret
    if not was_readable:
        webhook.unreadable_at = None
        after_commit(wake)
    _probe(webhook)
    _touch(webhook)
    _record("secret_replaced", webhook, after={"grace_hours": grace_hours})
    return grace_hours > 0


def end_secret(webhook: Webhook, id: str) -> bool:
    """Sign no longer with the older secret ``id``. Return False if it ended before."""
    older = in_grace(webhook.older_secrets, utcnow())
    webhook.older_secrets = [secret for secret in older if secret["id"] != id]
    if len(webhook.older_secrets) == len(older):
        return False
    _touch(webhook)
    _record("secret_ended", webhook)
    return True


def delete(webhook: Webhook) -> None:
    """Mark the webhook as deleted and cancel its pending deliveries. They stay in the log.

    An attempt that is under way ends as it ends, and is logged. If it fails, the sweep or a purge cancels its delivery.
    """
    _record("deleted", webhook, before=fields_of(webhook), after=_cancel_pending(webhook))
    webhook.active = False
    webhook.deleted_at = utcnow()
    _touch(webhook)


def reveal_secret(webhook: Webhook) -> str:
    """Return the decrypted secret, and record in the audit log who saw it.

    Raises:
        secret_box.Undecryptable: None of ENCRYPTION_KEYS can decrypt it.
    """
    secret = webhook.secret
    _record("secret_revealed", webhook)
    return secret


def _with_rate(fields: dict[str, Any], format: str, rate: Rate) -> dict[str, Any]:
    """Return ``fields`` with the rate limit that follows from a change of the format, unless they have one.

    Args:
        format: the format before the change.
        rate: the rate limit before it.
    """
    if fields.keys() & {"rate_limit", "rate_period"} or "format" not in fields:
        return fields
    limit, period = rate_after(format, fields["format"], rate)
    return fields | {"rate_limit": limit, "rate_period": period}


def _resume(webhook: Webhook) -> None:
    """Reset the health, and wake the workers for the deliveries that waited until the webhook is active."""
    _end_throttle(webhook)
    webhook.clear_health()
    after_commit(wake)


def _end_throttle(webhook: Webhook) -> None:
    """Forget that the endpoint asked for fewer requests. What it asked to wait is due now, as all others are."""
    if webhook.is_throttled:
        asked = Delivery.throttled_count > 0, Delivery.due_at <= webhook.throttled_until
        _change_pending(webhook, {"due_at": utcnow()}, is_free(), *asked)
        after_commit(wake)
    webhook.clear_throttle()


def _probe(webhook: Webhook) -> None:
    """If deliveries wait until a probe succeeds, let one go out now, because the endpoint may answer otherwise."""
    if webhook.breaker_opened_at:
        webhook.probe_at, webhook.probes_failed = utcnow(), 0
        after_commit(wake)


def _keep_order(webhook: Webhook) -> None:
    """Let what is pending go out in order from now on, or no longer. Tests always go out at once."""
    _change_pending(webhook, {"in_order": webhook.in_order}, Delivery.trigger != DeliveryTrigger.TEST)
    after_commit(wake)


def _change_pending(webhook: Webhook, values: dict[str, Any], *conditions: ColumnElement[bool]) -> int:
    """Change the webhook's pending deliveries for which all ``conditions`` hold. Return how many these are."""
    pending = update(Delivery).where(Delivery.webhook_id == webhook.id, PENDING, *conditions)
    return db.session.connection().execute(pending.values(values)).rowcount


def _cancel_pending(webhook: Webhook) -> dict[str, int]:
    """Cancel the webhook's pending deliveries, but for attempts under way. Return how many, for the audit log."""
    return {"deliveries_cancelled": _change_pending(webhook, GIVEN_UP, is_free())}


def _complete_groups(webhook: Webhook) -> None:
    """Let the webhook get types that are added to its groups at this moment."""
    if webhook.event_groups:
        after_commit(complete_groups)


def _touch(webhook: Webhook) -> None:
    webhook.version += 1
    webhook.updated_at = utcnow()


def _record(
    what: str, webhook: Webhook, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> None:
    before, after = (shown(before) if before else before, shown(after, before) if after else after)
    audit.record(f"webhook.{what}", "webhook", webhook.id, webhook.name, before, after)
