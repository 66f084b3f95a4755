"""Changes to many deliveries: a page that says how many, and after that one with the progress."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs import bulk_actions
from jobs.bulk_actions.batches import what_it_changes
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.walk import count_by_status
from webhooks_ui.models import BulkAction, BulkActionKind, Delivery
from webhooks_ui.views.deliveries.log import webhook_of
from webhooks_ui.views.deliveries.query import filters_of, refusal
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go, render

blueprint = Blueprint("bulk_actions", __name__, url_prefix="/admin")

COUNT_SECONDS = 1.0


@blueprint.route("/webhook-deliveries/retries", methods=["GET", "POST"])
def retry() -> BaseResponse | str:
    """Retry all deliveries that match the filters."""
    return confirm_or_begin(BulkActionKind.RETRY, filters_of(request.values))


@blueprint.route("/webhook-deliveries/cancellations", methods=["GET", "POST"])
def cancel() -> BaseResponse | str:
    """Cancel the deliveries that match the filters and wait for an inactive webhook."""
    return confirm_or_begin(BulkActionKind.CANCEL, filters_of(request.values))


@blueprint.app_context_processor
def add_helpers() -> dict[str, Any]:
    return {"running_actions": bulk_actions.running}


@blueprint.get("/bulk-actions")
def index() -> str:
    """List the latest bulk actions, with their progress."""
    return render_template("bulk_actions/index.html", actions=bulk_actions.recent())


@blueprint.get("/bulk-actions/<int:action_id>")
def show(action_id: int) -> Response:
    action = db.session.get(BulkAction, action_id) or abort(404)
    filters, results = bulk_actions.filters_of(action), bulk_actions.results_of(action)
    # What an action cancelled, and what one of an earlier version did, isn't marked with it
    shown = DeliveryFilters(action=str(action_id)) if results or not filters else filters.with_(status="")
    held, held_count = bulk_actions.held_by_webhooks(action) if results else ([], 0)
    return render(
        "bulk_actions/show.html",
        "bulk_actions/_progress.html",
        action=action,
        filters=filters,
        webhook=webhook_of(filters) if filters else None,
        results=results,
        held=held,
        held_count=held_count,
        shown=shown,
    )


@blueprint.post("/bulk-actions/<int:action_id>/stop")
def stop(action_id: int) -> BaseResponse:
    if bulk_actions.stop(action_id):
        flash("Stopped. Changes made so far are kept.")
    else:
        _refuse(action_id, "Nothing was stopped: this action isn't running any more.")
    return go(url_for(".show", action_id=action_id))


@blueprint.post("/bulk-actions/<int:action_id>/continue")
def carry_on(action_id: int) -> BaseResponse:
    if bulk_actions.carry_on(action_id):
        flash("Continued where it was stopped.")
    else:
        _refuse(action_id, "Nothing was continued: this action isn't stopped any more.")
    return go(url_for(".show", action_id=action_id))


def _refuse(action_id: int, why: str) -> None:
    """Say on the next page why nothing was changed. Answer with 404 if there is no such action."""
    if db.session.get(BulkAction, action_id) is None:
        abort(404)
    flash(why, "error")


def confirm_or_begin(kind: BulkActionKind, filters: DeliveryFilters, back: str = "") -> BaseResponse | str:
    """Show how many deliveries would change. If the request confirms that, begin the action and show its progress.

    Filters that aren't understood are refused, because the action would change more than they say.

    Args:
        back: the address that the question leads back to. Empty: the log with the same filters.
    """
    if refused := refusal(filters):
        return refused
    if request.method == "POST" and request.form.get("confirm") == "1":
        return begin_once(lambda: bulk_actions.begin_for_deliveries(kind, filters))
    found = what_it_changes(kind, filters)
    counts, complete = count_by_status(found, highest_id(Delivery) + 1, COUNT_SECONDS)
    return render_template(
        "bulk_actions/confirm.html",
        kind=kind,
        filters=filters,
        counts=counts,
        complete=complete,
        webhook=webhook_of(filters),
        back=back,
    )


def begin_once(begin: Callable[[], BulkAction]) -> BaseResponse:
    """Begin an action and show its progress. A form that is sent twice begins one action."""
    with writing():
        if address := form_tokens.begin():
            return go(address)
        address = url_for("bulk_actions.show", action_id=begin().id)
        form_tokens.finish(address)
    return go(address)
