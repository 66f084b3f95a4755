"""Understand: what the answer of a chat service says beyond its status. Others say all by their status."""

import math
from collections.abc import Iterable
from dataclasses import replace

from jobs.asked_wait import values_of
from jobs.retry import is_back_pressure
from jobs.send import Result
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.events.formats.answers import said
from webhooks_ui.events.formats.services import counts_milliseconds, misread, service_of
from webhooks_ui.models import WebhookFormat

BAD_REQUEST = 400
RESET_AFTER = "x-ratelimit-reset-after"  # of Discord, in seconds in each version of its API
INACTIVE = "The webhook was made inactive, because no retry can succeed."


def understand(url: str, format: str, result: Result) -> Result:
    """Return ``result`` with what the service at ``url`` says: why it failed, for how long to wait, or that it is gone.

    Args:
        format: the webhook's. It tells the service where the URL doesn't, as in a relay.
    """
    service = service_of(url)
    spoken = service.format if service else format
    if result.response_code is None or spoken in (WebhookFormat.JSON, WebhookFormat.CLOUDEVENTS):
        return result
    runs_workflows = service is not None and service.runs_workflows
    body = result.response_body or b""
    answer = said(WebhookFormat(spoken), result.response_code, body, runs_workflows=runs_workflows)
    sentence, waits = answer.sentence, [result.retry_after_seconds, answer.retry_after_seconds]
    if answer.retry_after_seconds is not None and counts_milliseconds(url):  # else it is of a proxy before the service
        waits = [None if wait is None else math.ceil(wait / 1_000) for wait in waits]
        waits.append(_reset_after(result.response_headers))
    takes_anything = result.outcome == Outcome.DELIVERED and not answer.has_failed  # also what it can't read
    if result.response_code == BAD_REQUEST or takes_anything:
        sentence = misread(url, format) or sentence
    wait = max((seconds for seconds in waits if seconds is not None), default=None)
    return replace(
        result,
        outcome=Outcome.BAD_STATUS if answer.has_failed else result.outcome,
        detail=f"{sentence} {INACTIVE}" if answer.is_gone else sentence or result.detail,
        retry_after_seconds=wait,
        gone=sentence if answer.is_gone else "",
        slows_down=answer.slows_down or is_back_pressure(result.response_code, wait),
    )


def _reset_after(headers: Iterable[tuple[str, str]]) -> int | None:
    """Return the seconds that Discord's header names, rounded up, or ``None`` if it isn't there or is no number."""
    text = next(values_of(headers, RESET_AFTER), "")
    try:
        return math.ceil(float(text))
    except (ValueError, OverflowError):
        return None
