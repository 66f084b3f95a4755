"""Announce: publish what happened to webhooks and deliveries as operational events, in the caller's transaction.

That the delivery of an operational event failed is not announced. Otherwise two webhooks that watch each other would
answer each other for ever. Changes of a webhook's state come to an end by themselves: it takes several failures and a
pause until the next one.
"""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection

from jobs.store import Publication, store
from webhooks_ui.database import after_write
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.operational import OPERATIONAL, News
from webhooks_ui.wake import wake
from webhooks_ui.webhooks.subscribers import subscribers


def is_announced(event_type: str, *, is_test: bool = False) -> bool:
    """Return True if it is announced that a delivery of an event of this type failed."""
    return not is_test and event_type not in OPERATIONAL


def announce(connection: Connection, news: Iterable[News]) -> None:
    """Publish ``news`` to the webhooks that want it. After the commit, wake the workers for it.

    News that nobody wants is not stored.
    """
    by_environment: dict[str, list[News]] = defaultdict(list)
    for item in news:
        by_environment[item.about.environment].append(item)
    for environment, items in by_environment.items():
        wanted = subscribers(connection, environment, {item.type for item in items})
        heard = [item for item in items if any(webhook.webhook_id != item.about.id for webhook in wanted[item.type])]
        if heard:
            events = [NewEvent(item.type, item.data) for item in heard]
            store(connection, [Publication(environment, events, [item.about.id for item in heard])])
            after_write(connection, wake)
