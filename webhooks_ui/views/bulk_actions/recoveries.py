"""Recovering one webhook: its failed deliveries, and the events that it has no delivery of."""

from datetime import datetime, timedelta

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs import bulk_actions
from webhooks_ui.deliveries.filters import WITH_FAILURES, DeliveryFilters
from webhooks_ui.deliveries.missed import Missed, count_missed
from webhooks_ui.models import BulkActionKind, Webhook, utcnow
from webhooks_ui.parsing import clean, parse_time
from webhooks_ui.views.bulk_actions.deliveries import COUNT_SECONDS, begin_once, confirm_or_begin
from webhooks_ui.webhooks import changes

blueprint = Blueprint("recoveries", __name__, url_prefix="/admin/webhooks/<int:webhook_id>")

DAY = timedelta(days=1)
FAILS_WITHIN = timedelta(minutes=1)  # of its creation, also if its endpoint never answers
WRONG_TIME = "Enter a time such as 24h, 2026-11-23 or 2026-11-23T10:00 (UTC)."
WRONG_ORDER = "The start must be before the end. Choose an earlier start or a later end."


@blueprint.get("/recoveries")
def new(webhook_id: int) -> str:
    """Show the forms that ask for a time."""
    return _form(changes.get(webhook_id))


@blueprint.post("/recoveries")
def create(webhook_id: int) -> BaseResponse | str | tuple[str, int]:
    """Retry all deliveries since a time that have a failed attempt and did not arrive, given up or not."""
    webhook = changes.get(webhook_id)
    given = DeliveryFilters.parse(request.form)
    if not given.since or "until" in given.wrong:
        return _form(webhook, "recover", WRONG_TIME), 422
    filters = DeliveryFilters(webhook=str(webhook.id), status=WITH_FAILURES, since=given.since, until=given.until)
    return confirm_or_begin(BulkActionKind.RETRY, filters, url_for("recoveries.new", webhook_id=webhook.id))


@blueprint.post("/missed")
def send_missed(webhook_id: int) -> BaseResponse | str | tuple[str, int]:
    """Send the events of a time range that the webhook has no delivery of."""
    webhook = changes.get(webhook_id)
    since, until = _time("since"), _time("until", end_of_day=True) if request.form.get("until") else utcnow()
    if since is None or until is None:
        return _form(webhook, "missed", WRONG_TIME), 422
    if since >= until:
        return _form(webhook, "missed", WRONG_ORDER), 422
    everything = Missed.of(webhook, since, until, kept_back=True)
    missed = everything if request.form.get("kept_back") == "1" else Missed.of(webhook, since, until)
    if request.form.get("confirm") == "1":
        return begin_once(lambda: bulk_actions.begin_to_send_missed(missed))
    count, complete = count_missed(missed, COUNT_SECONDS)
    all_count, all_complete = count_missed(everything, COUNT_SECONDS) if webhook.filter else (count, complete)
    return render_template(
        "recoveries/confirm_missed.html",
        webhook=webhook,
        since=since,
        until=until,
        count=count,
        complete=complete,
        kept_back=all_count - count if complete and all_complete else None,
        all_count=all_count,
    )


def _time(name: str, end_of_day: bool = False) -> datetime | None:
    return parse_time(clean(request.form.get(name, "")), end_of_day)


def _form(webhook: Webhook, wrong: str = "", error: str = "") -> str:
    now = utcnow().replace(second=0, microsecond=0)
    day_ago = now - DAY
    lost = min(filter(None, (webhook.failing_since, webhook.given_up_since)), default=now)
    first = lost.replace(second=0, microsecond=0) - FAILS_WITHIN
    begins = {"recover": min(day_ago, first), "missed": day_ago}
    return render_template("recoveries/new.html", webhook=webhook, begins=begins, wrong=wrong, error=error)
