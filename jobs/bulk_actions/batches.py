"""Bulk actions, the RQ job: do a batch in each transaction, and store the place in it, so that nothing is done twice.

A transaction moves the place only if it is still where the batch began. If two workers do the same batch, the second
one is rolled back.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import current_app
from redis import Redis, RedisError
from rq import Queue
from sqlalchemy import Connection, and_, false, select, update

from webhooks_ui.database import after_commit, db, release, write_transaction, writing
from webhooks_ui.deliveries.changes import cancel, is_held, is_retryable, make_due
from webhooks_ui.deliveries.filters import NAMES, DeliveryFilters
from webhooks_ui.deliveries.missed import Missed, next_missed, send_missed
from webhooks_ui.deliveries.search import Search, search, up_to
from webhooks_ui.deliveries.walk import next_ids
from webhooks_ui.models import BulkAction, BulkActionKind, BulkActionStatus, utcnow
from webhooks_ui.models.bulk_action import RUNNING
from webhooks_ui.wake import CHORES, KEPT_FOR, wake

CHORE_TIMEOUT_SECONDS = 120
BATCH_ROWS = 200
RUN_SECONDS = 2.0  # then other chores get their turn
RESUME_SECONDS = 10
FORGOTTEN_AFTER = timedelta(seconds=RESUME_SECONDS)

logger = logging.getLogger(__name__)


def carry_on(action_id: int) -> None:
    """Do batches for a while. Then enqueue a successor, unless the action ended."""
    ends_at = time.monotonic() + RUN_SECONDS
    while run_batch(action_id):
        if time.monotonic() > ends_at:
            ask(action_id)
            return


def run_batch(action_id: int) -> bool:
    """Do the next batch. Return True if there is more to do."""
    release()
    action = db.session.get(BulkAction, action_id)
    if action is None or not action.is_running:
        return False
    seen = action.place
    try:
        step = _next_step(action)
        with writing():
            connection = db.session.connection()
            changed = step.do(connection)
            if not _move(connection, action_id, seen, step.place, changed):
                raise Overtaken
            if changed:
                after_commit(wake)
    except Unreadable:
        _stop(action_id)
        return False
    except Overtaken:
        return False
    return step.place is not None


def what_it_changes(kind: str, filters: DeliveryFilters) -> Search:
    """Return a search for the deliveries shown by ``filters`` that an action of ``kind`` would change.

    It finds nothing if a filter isn't understood, such as one by a category that was deleted after the action began.
    """
    found = search(filters)
    if filters.wrong:
        return replace(found, condition=false())
    can_be = is_held() if kind == BulkActionKind.CANCEL else is_retryable()
    return replace(found, condition=and_(found.condition, can_be))


def chosen_by(action: BulkAction) -> Missed | DeliveryFilters:
    """Return what chooses the rows of an action.

    Raises:
        Unreadable: a person or another version wrote something else into its row.
    """
    try:
        if BulkActionKind(action.kind) is BulkActionKind.SEND_MISSED:
            return Missed.parse(action.filters)
        if unknown := action.filters.keys() - set(NAMES):  # without it, the action would change more than it was to
            raise ValueError(f"There is no filter {min(unknown)!r}.")
        return DeliveryFilters.parse(action.filters)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable from error


def ask(action_id: int) -> None:
    """Ask RQ to carry on the action. If Redis doesn't take the job, ``resume`` asks again later."""
    redis: Redis = current_app.extensions["redis"]
    try:
        queue = Queue(CHORES, connection=redis)
        queue.enqueue(carry_on, action_id, job_timeout=CHORE_TIMEOUT_SECONDS, **KEPT_FOR)
    except RedisError as error:
        logger.warning("Redis is not reachable, bulk action %d waits for it: %s", action_id, error)


def resume() -> None:
    """Carry on actions that no worker does any more, because a worker was killed or a job was lost with Redis."""
    forgotten = BulkAction.updated_at < utcnow() - FORGOTTEN_AFTER
    for action_id in db.session.scalars(select(BulkAction.id).where(RUNNING, forgotten)).all():
        ask(action_id)


class Overtaken(Exception):
    """Another worker did this batch, or somebody stopped the action."""


class Unreadable(Exception):
    """What is stored of an action can't be read, so that nobody can go on with it."""


@dataclass(frozen=True)
class Step:
    """A batch. Its rows are found in a read transaction and changed in a short write transaction."""

    do: Callable[[Connection], int]  # returns how many rows it changed
    place: int | None  # where the next batch begins; None: this is the last one


def _next_step(action: BulkAction) -> Step:
    action_id = action.id
    chosen = chosen_by(action)
    if isinstance(chosen, Missed):
        events, place = next_missed(chosen, action.place, action.end_id, BATCH_ROWS)
        return Step(lambda connection: send_missed(connection, chosen, events, action_id), place)
    found = up_to(what_it_changes(action.kind, chosen), action.end_id)
    ids, place = next_ids(found, action.place, BATCH_ROWS, descending=False)
    if action.kind == BulkActionKind.CANCEL:
        return Step(lambda connection: len(cancel(connection, ids, found.condition)), place)

    def retry(connection: Connection) -> int:
        made_due = make_due(connection, ids, utcnow(), found.condition, forced=False, bulk_action_id=action_id)
        return len(made_due)

    return Step(retry, place)


def _stop(action_id: int) -> None:
    """Stop an action that can't be read, because ``resume`` would ask for it for ever."""
    logger.error("Bulk action %d is stopped, because what is stored of it can't be read", action_id)
    release()
    running = BulkAction.id == action_id, BulkAction.status == BulkActionStatus.RUNNING
    with write_transaction() as connection:
        connection.execute(
            update(BulkAction).where(*running).values(status=BulkActionStatus.STOPPED, updated_at=utcnow())
        )


def _move(connection: Connection, action_id: int, seen: int, place: int | None, changed: int) -> bool:
    """Move the place from ``seen`` to ``place``, or finish the action. Return False if another worker was faster."""
    values: dict[str, Any] = {"updated_at": utcnow(), "changed_count": BulkAction.changed_count + changed}
    values |= {"place": place} if place is not None else {"status": BulkActionStatus.FINISHED}
    still = BulkAction.id == action_id, BulkAction.status == BulkActionStatus.RUNNING, BulkAction.place == seen
    return connection.execute(update(BulkAction).where(*still).values(**values)).rowcount == 1
