"""The overview: how all webhooks do, and which of them need attention."""

from flask import Blueprint, Response, request
from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries import backlog
from webhooks_ui.deliveries.by_type import UNSETTLED_MAX, count_types
from webhooks_ui.models import Webhook, utcnow
from webhooks_ui.web.answers import render
from webhooks_ui.web.preferences import current_environment
from webhooks_ui.webhooks.notices import count_notices, noticed_webhooks
from webhooks_ui.webhooks.stats import RANGES, totals, worst

blueprint = Blueprint("overview", __name__, url_prefix="/admin/overview")

SHOWN_MAX = 5


@blueprint.get("")
def index() -> Response:
    environment, now = current_environment(), utcnow()
    chosen = request.args.get("range", "")
    chosen = chosen if chosen in RANGES else next(iter(RANGES))
    span, connection = RANGES[chosen], db.session.connection()
    counts = backlog.waiting(connection)
    waiting = counts[environment] if environment else counts.total()
    oldest_seconds = backlog.oldest_due_seconds(connection, now, environment)
    is_late = oldest_seconds >= 1
    failing = worst(environment, span, SHOWN_MAX)
    named = select(Webhook).where(Webhook.id.in_([id for id, _, _ in failing]))
    return render(
        "overview/index.html",
        "overview/_overview.html",
        environment=environment,
        ranges=RANGES,
        chosen_range=chosen,
        series=totals(environment, span),
        history=backlog.history(environment, span),
        waiting=waiting,
        oldest_seconds=oldest_seconds if is_late else None,
        next_due_at=backlog.next_due_at(connection, now, environment) if waiting and not is_late else None,
        types=count_types(environment, span.start(now)),
        UNSETTLED_MAX=UNSETTLED_MAX,
        worst=failing,
        webhooks={webhook.id: webhook for webhook in db.session.scalars(named)},
        noticed=noticed_webhooks(environment)[:SHOWN_MAX],
        notices=count_notices(environment),
    )
