"""Notice mail: the subject and the plain text of a mail about webhooks that need attention."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from webhooks_ui.deliveries.outcomes import label
from webhooks_ui.models import Webhook
from webhooks_ui.models.visible import in_one_line
from webhooks_ui.models.webhook import CertificateNotice, certificate_since
from webhooks_ui.webhooks.causes import Cause, read

LISTED_MAX = 100

logger = logging.getLogger(__name__)


class _Columns(NamedTuple):
    id: int
    name: str
    environment: str
    active: bool
    consecutive_failures: int
    failing_since: datetime | None
    breaker_opened_at: datetime | None
    probe_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    unreadable_at: datetime | None
    given_up_count: int
    given_up_since: datetime | None
    certificate_ends_at: datetime | None
    certificate_notice: str | None
    failures: list[dict[str, Any]]


class Told(_Columns):
    """What a mail tells of a webhook, under the names that ``Webhook`` has for it."""

    __slots__ = ()
    is_broken: Any = Webhook.is_broken
    is_disabled: Any = Webhook.is_disabled
    gives_up: Any = Webhook.gives_up


COLUMNS = tuple(getattr(Webhook, name) for name in Told._fields)


def subject(webhooks: Sequence[Told]) -> str:
    """Return the subject: the name and state of a single webhook, or how many webhooks there are."""
    if len(webhooks) > 1:
        return f"{len(webhooks):,} webhooks need attention"
    if webhooks[0].is_disabled:
        state = "was disabled automatically"
    elif webhooks[0].is_broken:
        state = "is failing"
    elif webhooks[0].unreadable_at:
        state = "has a secret that can't be decrypted"
    elif webhooks[0].gives_up:
        state = "loses events, because its endpoint asks to wait"
    else:
        state = f"has a client certificate that {_ends(webhooks[0])}"
    return f"{in_one_line(webhooks[0].name)} {state}"


def text(webhooks: Sequence[Told], public_url: str) -> str:
    """Return the text: the state and link of each webhook, the latest first, and of no more than 100.

    Args:
        public_url: the portal's address, without a slash at the end.
    """
    latest = sorted(webhooks, key=lambda webhook: (_since(webhook), webhook.id), reverse=True)
    parts = [_readable(webhook, public_url) for webhook in latest[:LISTED_MAX]]
    if len(latest) > LISTED_MAX:
        parts.append(f"And {len(latest) - LISTED_MAX:,} more.")
    parts.append(f"All notices: {public_url}/admin/notices\nAdmins get at most one mail a day about a webhook.")
    return "\n\n".join(parts) + "\n"


def _readable(webhook: Told, public_url: str) -> str:
    """Return the paragraph of a webhook, or its link alone if a person wrote something odd into its row."""
    try:
        return _paragraph(webhook, public_url)
    except Exception:  # the others must be told of, too
        logger.exception("The notice about webhook %d can't be written", webhook.id)
        return f"{public_url}/admin/webhooks/{webhook.id}"


def _paragraph(webhook: Told, public_url: str) -> str:
    lines = [in_one_line(webhook.name), f"Environment: {webhook.environment}"]
    if webhook.is_disabled:
        lines.append(f"Status: disabled since {_utc(_since(webhook))}")
        lines.append(f"Reason: {in_one_line(webhook.disabled_reason or 'It failed for too long.')}")
    elif webhook.is_broken:
        lines.append(f"Status: failing since {_utc(_since(webhook))}")
        lines.append(f"Failures: {webhook.consecutive_failures:,} in a row, so its deliveries wait")
        if webhook.probe_at:
            lines.append(f"Next probe: {_utc(webhook.probe_at)}")
    if webhook.unreadable_at:
        lines.append(f"Secret: can't be decrypted since {_utc(webhook.unreadable_at)}, so its deliveries wait.")
        lines.append("Put the key back into ENCRYPTION_KEYS, or give the webhook a new secret.")
    if webhook.gives_up and webhook.given_up_since:
        made = f"{webhook.given_up_count:,}, the oldest of {_utc(webhook.given_up_since)}"
        lines.append(f"Given up: {made}, because the endpoint asked to wait for too long.")
        lines.append("Let the endpoint take more, then send these deliveries again with Recover.")
    if webhook.active and webhook.certificate_notice:
        lines.append(f"Client certificate: {_ends(webhook)}. Paste a new one, or its endpoint will refuse deliveries.")
    lines += [in_one_line(_cause(cause)) for cause in read(webhook.failures)]
    address = f"{public_url}/admin/webhooks/{webhook.id}"
    lines.append(address)
    if webhook.is_disabled or webhook.is_broken or webhook.gives_up:
        lines.append(
            f"Failed attempts: {public_url}/admin/webhook-deliveries?webhook={webhook.id}&status=with_failures"
        )
        lines += [f"Test: {address}/test", f"Recover: {address}/recoveries"]
    return "\n  ".join(lines)


def _cause(cause: Cause) -> str:
    words = f"Cause: {label(cause.outcome, cause.response_code)}, {cause.times:,} ×, the first at {_utc(cause.since)}"
    return f"{words}: {cause.text}" if cause.text else words


def _since(webhook: Told) -> datetime:
    disabled_at = webhook.disabled_at if webhook.is_disabled else None
    failing_since = (webhook.failing_since or webhook.breaker_opened_at) if webhook.is_broken else None
    given_up_since = webhook.given_up_since if webhook.gives_up else None
    ending_since = certificate_since(webhook.certificate_ends_at, webhook.certificate_notice)
    since: Any = disabled_at or failing_since or webhook.unreadable_at or given_up_since or ending_since
    found: datetime = since
    return found


def _ends(webhook: Told) -> str:
    verb = "ended" if webhook.certificate_notice == CertificateNotice.ENDED else "ends"
    return f"{verb} on {webhook.certificate_ends_at:%Y-%m-%d}"


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
