"""Tally: count a group of results that were written for the metrics, and tell the log about each of them."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from jobs.record import Recorded
from webhooks_ui import logs, tracing
from webhooks_ui.counting import Counters, Key, key_of, observation
from webhooks_ui.models import DeliveryStatus, utcnow

_MESSAGES = {
    DeliveryStatus.DELIVERED: (logging.INFO, "Delivered."),
    DeliveryStatus.PENDING: (logging.INFO, "Not delivered. Another attempt follows."),
    DeliveryStatus.FAILED: (logging.WARNING, "Not delivered. There is no further attempt."),
}

logger = logging.getLogger(__name__)


def tally(counters: Counters, recorded: Sequence[Recorded]) -> None:
    """Add the results to the counts of this process. Call this after the commit, so that nothing counts twice."""
    counters.add(counts_of(recorded))
    for status, (level, message) in _MESSAGES.items():
        told = [item for item in recorded if item.decision.status == status] if logger.isEnabledFor(level) else ()
        if told:
            logger.log(level, message, extra=logs.each(map(_ids, told)))


def counts_of(recorded: Sequence[Recorded]) -> dict[Key, float]:
    """Return what the results add to the metrics. A test counts as an attempt, but not as a delivery of an event."""
    counts: dict[Key, float] = defaultdict(float)
    now = utcnow()
    for claimed, result, decision, _ in recorded:
        environment = claimed.target.environment
        labels = (environment,)
        counts["webhooks_attempts", key_of((environment, str(result.outcome)))] += 1
        for key, amount in observation("webhooks_attempt_duration_seconds", labels, result.duration_ms / 1_000):
            counts[key] += amount
        if result.slows_down:
            counts["webhooks_attempts_throttled", key_of(labels)] += 1
        if claimed.is_test or decision.status == DeliveryStatus.PENDING:
            continue
        counts["webhooks_deliveries_settled", key_of((environment, decision.status))] += 1
        if decision.status == DeliveryStatus.DELIVERED:
            took = max(0.0, (now - claimed.created_at).total_seconds())
            for key, amount in observation("webhooks_delivery_duration_seconds", labels, took):
                counts[key] += amount
    return counts


def _ids(item: Recorded) -> dict[str, Any]:
    claimed, result, decision, _ = item
    return {
        "event": claimed.event_id,
        "delivery": claimed.id,
        "attempt": claimed.attempt,
        "webhook": claimed.target.id,
        "outcome": str(result.outcome),
        "code": result.response_code,
        "duration_ms": result.duration_ms,
        "due_at": decision.due_at,
        "trace": tracing.trace_id(claimed.trace.sent_on),
    }
