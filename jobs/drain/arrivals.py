"""Arrivals: parcels of the express lane become deliveries that the sending thread starts at once.

They arrive in the listener's thread, because the drain may be busy in a transaction. The drain learns of them before
it gets their results, and then holds their leases as if it had claimed them itself.
"""

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from jobs.claim import LEASE_SECONDS, Claimed
from jobs.drain.leases import sends_until
from jobs.drain.sending import Sending
from jobs.express import Item, Parcel, opened
from jobs.target import Target, targets_of
from jobs.trace import trace_claims
from webhooks_ui.database import single_query
from webhooks_ui.models import utcnow
from webhooks_ui.tracing import Trace

OLD_SECONDS = LEASE_SECONDS / 2  # a parcel that took longer is left alone: its lease ends soon
KNOWN_SECONDS = 5.0  # then a webhook is read again, because old secrets end
KNOWN_MAX = 10_000  # webhooks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A webhook as it was read."""

    target: Target
    read_at: float  # on the monotonic clock


class Arrivals:
    """Takes parcels for one run of the drain.

    Args:
        token: of the drain's leases.
    """

    def __init__(self, app: Flask, sending: Sending, token: str) -> None:
        self._app = app
        self._sending = sending
        self._token = token
        self._known: dict[int, Known] = {}

    def take(self, message: bytes) -> None:
        """Send what is in a message of the lane. What can't be sent now is given back by the drain.

        A message that came late is left alone, because another worker may soon have its deliveries.
        """
        at, parcels = opened(message)
        seconds = max(0.0, (utcnow() - at).total_seconds())  # the publisher's clock may be ahead of ours
        if seconds >= OLD_SECONDS:
            logger.debug("A parcel came %.1f s after its leases had begun.", seconds)
            return
        began = time.monotonic() - seconds
        targets = self._targets({item.webhook_id: item.webhook_version for parcel in parcels for item in parcel.items})
        claimed, unknown = [], []
        for parcel in parcels:
            for item in parcel.items:
                if target := targets.get(item.webhook_id):
                    claimed.append(self._claimed(parcel, item, target, at))
                else:
                    unknown.append(item.id)
        self._sending.offer(trace_claims(claimed, seconds), began, at, sends_until(began), unknown)

    def _claimed(self, parcel: Parcel, item: Item, target: Target, at: datetime) -> Claimed:
        event = parcel.event_id, parcel.event_type, parcel.environment, parcel.body.encode()
        trace = Trace(parcel.traceparent)
        return Claimed(item.id, target, *event, 1, None, self._token, created_at=at, fields=item.fields, trace=trace)

    def _targets(self, versions: Mapping[int, int]) -> dict[int, Target]:
        """Return the webhooks that are as the publisher saw them. One that was changed since may be switched off."""
        now = time.monotonic()
        known = {id: found for id in versions if (found := self._known.get(id)) and now - found.read_at < KNOWN_SECONDS}
        if missing := [id for id, version in versions.items() if id not in known or known[id].target.version < version]:
            known |= self._read(missing, now)
        return {id: found.target for id, found in known.items() if found.target.version == versions[id]}

    def _read(self, ids: Collection[int], now: float) -> dict[int, Known]:
        try:
            with self._app.app_context(), single_query() as connection:
                targets = targets_of(connection, utcnow(), ids)
        except SQLAlchemyError as error:
            logger.debug("Webhooks can't be read for the express lane: %s", error)
            return {}
        if len(self._known) > KNOWN_MAX:
            self._known.clear()
        found = {id: Known(target, now) for id, target in targets.items()}
        self._known |= found
        return found
