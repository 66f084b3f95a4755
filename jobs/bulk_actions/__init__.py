"""Bulk actions: begin, stop and describe them. jobs.bulk_actions.batches runs their batches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import func, select, update

from jobs.bulk_actions import batches
from webhooks_ui import audit
from webhooks_ui.database import after_commit, db, writing
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.missed import Missed
from webhooks_ui.models import BulkAction, BulkActionKind, BulkActionStatus, Delivery, DeliveryStatus, Webhook, utcnow
from webhooks_ui.models.bulk_action import RUNNING
from webhooks_ui.models.delivery import is_free
from webhooks_ui.models.webhook_state import stops

RECENT_MAX = 50
HELD_MAX = 5


def begin_for_deliveries(kind: BulkActionKind, filters: DeliveryFilters) -> BulkAction:
    """Begin to retry or cancel the deliveries that ``filters`` show now. Later deliveries are not changed.

    The caller owns the transaction, after which the first batch is done.
    """
    return _begin(kind, _fixed(filters).args, 0, highest_id(Delivery))  # oldest first: some webhooks keep the order


def begin_to_send_missed(missed: Missed) -> BulkAction:
    """Begin to send a webhook the events that it missed. The rest is as in ``begin_for_deliveries``."""
    return _begin(BulkActionKind.SEND_MISSED, missed.as_json, *missed.ids)


def stop(action_id: int) -> bool:
    """Stop a running action before its next batch. Return True if it was running."""
    with writing():
        return _change(action_id, BulkActionStatus.RUNNING, BulkActionStatus.STOPPED, "bulk_action.stopped")


def carry_on(action_id: int) -> bool:
    """Continue a stopped action from where it stopped. Return True if it was stopped."""
    with writing():
        goes_on = _change(action_id, BulkActionStatus.STOPPED, BulkActionStatus.RUNNING, "bulk_action.continued")
    if goes_on:
        batches.ask(action_id)
    return goes_on


def recent() -> Sequence[BulkAction]:
    """Return the last actions, the newest first."""
    return db.session.scalars(select(BulkAction).order_by(BulkAction.id.desc()).limit(RECENT_MAX)).all()


def running() -> Sequence[BulkAction]:
    """Return the actions that are running, the newest first."""
    return db.session.scalars(select(BulkAction).where(RUNNING).order_by(BulkAction.id.desc()).limit(RECENT_MAX)).all()


def filters_of(action: BulkAction) -> DeliveryFilters | None:
    """Return the log's filters with which the action was begun. ``None``: they can't be read."""
    try:
        chosen = batches.chosen_by(action)
    except batches.Unreadable:
        return None
    if isinstance(chosen, Missed):
        return DeliveryFilters(webhook=str(chosen.webhook_id), since=action.created_at.isoformat())
    return chosen


def results_of(action: BulkAction) -> Counter[str]:
    """Return how many of the deliveries that the action made due have which status now.

    Those that a later action made due again aren't among them.
    """
    counts = select(Delivery.status, func.count()).where(Delivery.bulk_action_id == action.id)
    return Counter(dict(db.session.execute(counts.group_by(Delivery.status)).all()))


def held_by_webhooks(action: BulkAction) -> tuple[list[tuple[Webhook, int]], int]:
    """Return the webhooks that hold back deliveries which the action made due, each with how many, the most first.

    They are the first ``HELD_MAX``. The number of deliveries that all webhooks hold back comes second.
    """
    waits = Delivery.bulk_action_id == action.id, Delivery.status == DeliveryStatus.PENDING, ~Delivery.forced
    counts = select(Delivery.webhook_id, func.count().label("held")).join(Webhook, Webhook.id == Delivery.webhook_id)
    counts = counts.where(*waits, is_free(), stops(utcnow())).group_by(Delivery.webhook_id)
    held = dict(db.session.execute(counts).all())
    first = sorted(held, key=lambda id: (-held[id], id))[:HELD_MAX]
    webhooks = {webhook.id: webhook for webhook in db.session.scalars(select(Webhook).where(Webhook.id.in_(first)))}
    return [(webhooks[id], held[id]) for id in first], sum(held.values())


def _change(action_id: int, before: BulkActionStatus, after: BulkActionStatus, action: str) -> bool:
    """Change the status from ``before`` to ``after``. Return True if it was ``before``."""
    still = BulkAction.id == action_id, BulkAction.status == before
    statement = update(BulkAction).where(*still).values(status=after, updated_at=utcnow())
    changed = db.session.connection().execute(statement).rowcount == 1
    if changed:
        audit.record(action, "bulk_action", action_id)
    return changed


def _begin(kind: BulkActionKind, filters: Mapping[str, Any], start_id: int, end_id: int) -> BulkAction:
    """Store the action. After the commit, do its first batch: a small action is finished when its page is shown."""
    actor = audit.present_actor()
    action = BulkAction(kind=kind, filters=filters, actor=actor, start_id=start_id, end_id=end_id, place=start_id)
    db.session.add(action)
    db.session.flush()
    audit.record(f"bulk_action.{kind}", "bulk_action", action.id, after=dict(filters))
    after_commit(partial(_run, action.id))
    return action


def _run(action_id: int) -> None:
    if batches.run_batch(action_id):
        batches.ask(action_id)


def _fixed(filters: DeliveryFilters) -> DeliveryFilters:
    """Return the filters with fixed times. For example, "the last 24 hours" becomes the 24 hours before now."""
    since, until = filters.since_at, filters.until_at
    return replace(filters, since=since.isoformat() if since else "", until=until.isoformat() if until else "")
