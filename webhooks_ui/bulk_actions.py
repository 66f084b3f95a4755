"""Begins, stops and describes bulk actions; the batches are done by jobs.bulk_action."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_login import current_user
from sqlalchemy import select, update

from jobs import bulk_action
from jobs.send_missed import Missed
from webhooks_ui import audit
from webhooks_ui.delivery_filters import DeliveryFilters
from webhooks_ui.extensions import db
from webhooks_ui.ids_by_time import highest_id
from webhooks_ui.models import BulkAction, BulkActionKind, BulkActionStatus, Delivery, utcnow
from webhooks_ui.models.bulk_action import RUNNING

RECENT_MAX = 50


def begin_for_deliveries(kind: BulkActionKind, filters: DeliveryFilters) -> BulkAction:
    """Begin to retry or cancel the deliveries that ``filters`` show now; later ones are left alone."""
    return _begin(kind, _fixed(filters).args, highest_id(Delivery) + 1, 0)


def begin_to_send_missed(missed: Missed) -> BulkAction:
    """Begin to send a webhook the events that it missed."""
    return _begin(BulkActionKind.SEND_MISSED, missed.as_json, *missed.ids)


def stop(action_id: int) -> bool:
    """Let no further batch begin, and commit; whether it was running."""
    running = BulkAction.id == action_id, BulkAction.status == BulkActionStatus.RUNNING
    statement = update(BulkAction).where(*running).values(status=BulkActionStatus.STOPPED, updated_at=utcnow())
    stopped = db.session.connection().execute(statement).rowcount == 1
    if stopped:
        audit.record("bulk_action.stopped", "bulk_action", action_id)
    db.session.commit()
    return stopped


def carry_on(action_id: int) -> bool:
    """Let an action that was stopped go on where it was, and commit; whether it was stopped."""
    stopped = BulkAction.id == action_id, BulkAction.status == BulkActionStatus.STOPPED
    statement = update(BulkAction).where(*stopped).values(status=BulkActionStatus.RUNNING, updated_at=utcnow())
    goes_on = db.session.connection().execute(statement).rowcount == 1
    if goes_on:
        audit.record("bulk_action.continued", "bulk_action", action_id)
    db.session.commit()
    if goes_on:
        bulk_action.ask(action_id)
    return goes_on


def recent() -> Sequence[BulkAction]:
    """The last actions, the newest first."""
    return db.session.scalars(select(BulkAction).order_by(BulkAction.id.desc()).limit(RECENT_MAX)).all()


def running() -> Sequence[BulkAction]:
    """Those that are under way."""
    return db.session.scalars(select(BulkAction).where(RUNNING).order_by(BulkAction.id.desc()).limit(RECENT_MAX)).all()


def filters_of(action: BulkAction) -> DeliveryFilters:
    """The filters of the log that show what the action is about, whatever it made of it."""
    if action.kind != BulkActionKind.SEND_MISSED:
        return DeliveryFilters.parse(action.filters).with_(status="")
    missed = Missed.parse(action.filters)
    return DeliveryFilters(webhook=str(missed.webhook_id), since=action.created_at.isoformat())


def _begin(kind: BulkActionKind, filters: Mapping[str, Any], start_id: int, end_id: int) -> BulkAction:
    """Commit the action and do its first batch at once: a small one is over before the page is shown."""
    action = BulkAction(
        kind=kind, filters=filters, actor=current_user.email, start_id=start_id, end_id=end_id, place=start_id
    )
    db.session.add(action)
    db.session.flush()
    audit.record(f"bulk_action.{kind}", "bulk_action", action.id, after=dict(filters))
    db.session.commit()
    if bulk_action.run_batch(action.id):
        bulk_action.ask(action.id)
    return action


def _fixed(filters: DeliveryFilters) -> DeliveryFilters:
    """The same with times that don't move: "the last 24 hours" as it is now."""
    since, until = filters.since_at, filters.until_at
    return replace(filters, since=since.isoformat() if since else "", until=until.isoformat() if until else "")
