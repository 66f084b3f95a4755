"""Trace: record the spans of claims and requests, where spans are recorded. Call it after the commit."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from jobs.claim import Claimed
from jobs.record import Recorded
from webhooks_ui import tracing
from webhooks_ui.deliveries.outcomes import Outcome


def trace_claims(claimed: list[Claimed], seconds: float) -> list[Claimed]:
    """Return the deliveries with the traces of the requests that follow.

    Args:
        seconds: how long the claim has taken.
    """
    if not (claimed and tracing.is_on()):
        return claimed
    ended = time.time_ns()
    began = ended - round(seconds * 1e9)
    return [
        replace(delivery, trace=tracing.claimed(delivery.trace.sent_on, began, ended, _attributes(delivery)))
        for delivery in claimed
    ]


def trace_attempts(recorded: Sequence[Recorded]) -> None:
    """Record the requests that are over."""
    if not tracing.is_on():
        return
    for claimed, result, _, _ in recorded:
        began = round(result.started_at.timestamp() * 1e9)
        ended = began + round(timedelta(milliseconds=result.duration_ms).total_seconds() * 1e9)
        attributes = _attributes(claimed) | {"http.request.method": "POST", "webhooks.outcome": str(result.outcome)}
        if result.response_code is not None:
            attributes["http.response.status_code"] = result.response_code
        error = None if result.outcome == Outcome.DELIVERED else str(result.outcome)
        tracing.sent(claimed.trace, began, ended, attributes, error)


def _attributes(claimed: Claimed) -> dict[str, str | int]:
    return {
        "webhooks.event.id": claimed.event_id,
        "webhooks.event.type": claimed.event_type,
        "webhooks.environment": claimed.environment,
        "webhooks.delivery.id": claimed.id,
        "webhooks.attempt": claimed.attempt,
        "webhooks.webhook.id": claimed.target.id,
    }
