"""The delivery log: its pages, and one delivery with every attempt."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db
from webhooks_ui.deliveries import display, rows
from webhooks_ui.deliveries.comparison import compare
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.following import FOLLOW_SECONDS, Seen
from webhooks_ui.deliveries.ids_by_time import highest_id
from webhooks_ui.deliveries.keyed import searchable_since
from webhooks_ui.deliveries.pages import NEWER_MAX, SORTED_ROWS, Cursor, count_newer, find_all, find_page
from webhooks_ui.models import Attempt, Delivery, Webhook, get_settings
from webhooks_ui.parsing import COUNT_MAX, parse_id
from webhooks_ui.views.deliveries.query import address, filters_of, query_of
from webhooks_ui.web.answers import PRINTED_MAX, go, render, shorten_address, wants_fragment, wants_print
from webhooks_ui.web.json_tree import fold
from webhooks_ui.web.preferences import is_live
from webhooks_ui.webhooks import pages as webhook_pages
from webhooks_ui.webhooks.filters import PAGE_SIZES, WebhookFilters

blueprint = Blueprint("deliveries", __name__, url_prefix="/admin/webhook-deliveries")

DELIVERY = "/<int:delivery_id>"
WEBHOOK_CHOICES_MAX = PAGE_SIZES[-1]


@blueprint.app_context_processor
def add_helpers() -> dict[str, Any]:
    return {
        "display": display,
        "address": address,
        "query_of": query_of,
        "fold": fold,
        "SORTED_ROWS": SORTED_ROWS,
        "WEBHOOK_CHOICES_MAX": WEBHOOK_CHOICES_MAX,
        "FOLLOW_SECONDS": FOLLOW_SECONDS,
    }


@blueprint.get("")
def index() -> BaseResponse:
    filters = filters_of(request.args)
    if len(request.args.getlist("since")) > 1 and not wants_fragment():  # the form was sent without JavaScript
        return go(address(filters))
    if wants_print():
        found = find_all(filters, PRINTED_MAX)
        context = {"filters": filters, "found": found, "webhook": webhook_of(filters)}
        return make_response(render_template("deliveries/print.html", **context))
    cursor = request.args.get("cursor", "")
    if is_lost := bool(cursor) and Cursor.parse(cursor, filters.sort) is None:
        cursor = ""
    response = render(
        "deliveries/index.html",
        "deliveries/_list.html",
        **list_context(filters, cursor),
        is_lost=is_lost,
        webhooks=[] if wants_fragment() else webhook_choices(filters.environment),
    )
    return shorten_address(response, "delivery-filters", address(filters, cursor=cursor))


@blueprint.get("/follow")
def follow() -> Response:
    """Return the list if it isn't what the page shows any more, else 204. A live log polls this."""
    filters, seen = filters_of(request.args), Seen.parse(request.args)
    if not seen.may_differ(filters):
        return Response(status=204)
    context = list_context(filters)
    deliveries = context["found"].deliveries
    if Seen.of(deliveries, 0).marks == seen.marks:
        return Response(status=204)
    return make_response(render_template("deliveries/_list.html", **context, arrived=seen.arrived(deliveries)))


@blueprint.get("/newer")
def newer() -> str:
    """Offer to show the deliveries that arrived after the page was made."""
    filters = filters_of(request.args)
    than = parse_id(request.args.get("than", "")) or 0
    count = count_newer(filters, than)
    return render_template("deliveries/_newer.html", filters=filters, than=than, count=count, most=NEWER_MAX)


@blueprint.get(DELIVERY)
def show(delivery_id: int) -> Response:
    delivery = load(delivery_id)
    needed = context(delivery)
    wanted = request.args.getlist("compare")
    is_kept = wants_fragment() and request.args.get("attempts") not in ("0", "1")  # the page has its comparison already
    comparison = None if is_kept else compare(delivery, needed["attempts"], wanted)
    return render("deliveries/show.html", "deliveries/_delivery.html", **needed, comparison=comparison)


@blueprint.get("/unfinished")
def unfinished() -> str:
    """Return the rows that changed since the log showed them. The log polls this for its unfinished rows."""
    seen = set(request.args.getlist("mark")[: PAGE_SIZES[-1]])
    ids = {id for mark in seen if (id := parse_id(mark.partition("-")[0])) is not None}
    deliveries = rows.of_ids(sorted(ids))
    changed = [delivery for delivery in deliveries if display.mark(delivery) not in seen]
    return render_template(
        "deliveries/_unfinished.html", deliveries=deliveries, changed=changed, settings=get_settings()
    )


@blueprint.get(f"{DELIVERY}/body")
def body(delivery_id: int) -> Response:
    """Return the bytes of the event as it was published, as a download or as text for the page."""
    return _bytes(load(delivery_id).event.body, display.body_file(delivery_id), "body-raw")


@blueprint.get(f"{DELIVERY}/attempts/<int(max={COUNT_MAX}):number>/body")
def attempt_body(delivery_id: int, number: int) -> Response:
    """Return the bytes that one attempt sent instead, because the webhook's format wants it."""
    attempt = db.session.scalar(select(Attempt).filter_by(delivery_id=load(delivery_id).id, number=number))
    if attempt is None or attempt.request_body is None:
        abort(404)
    return _bytes(attempt.request_body, display.body_file(delivery_id, number), f"attempt-{number}-body-raw")


def _bytes(body: bytes, file: str, id: str) -> Response:
    if wants_fragment():
        return make_response(render_template("deliveries/_raw_body.html", text=display.decoded(body), id=id))
    response = make_response(body)
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    return response


def list_context(filters: DeliveryFilters, cursor: str = "") -> dict[str, Any]:
    """Return what the template of the list needs."""
    is_first = not cursor
    follows = is_live() and is_first and filters.sort == "-time"
    newest = highest_id(Delivery) if follows else 0  # asked for before the rows, so that none is missed
    found = find_page(filters, cursor)
    return {
        "filters": filters,
        "found": found,
        "webhook": webhook_of(filters),
        "settings": get_settings(),
        "is_first": is_first,
        "searchable_since": searchable_since() if filters.q else None,
        "seen": Seen.of(found.deliveries, newest) if follows else None,
    }


def webhook_of(filters: DeliveryFilters) -> Webhook | None:
    """Return the webhook whose deliveries ``filters`` show, or ``None`` if they show those of all."""
    return db.session.get(Webhook, filters.webhook_id) if filters.webhook_id is not None else None


def webhook_choices(environment: str) -> Sequence[webhook_pages.WebhookRow]:
    """Return the first webhooks by name, for the filter."""
    filters = WebhookFilters(environment=environment, sort="name", size=WEBHOOK_CHOICES_MAX)
    return webhook_pages.find_page(filters).webhooks


def load(delivery_id: int) -> Delivery:
    """Load the delivery with its webhook and its event. Answer with 404 if there is none."""
    wanted = joinedload(Delivery.webhook), joinedload(Delivery.event)
    return db.session.get(Delivery, delivery_id, options=wanted) or abort(404)


def context(delivery: Delivery) -> Mapping[str, Any]:
    """Return what the templates of one delivery need."""
    return {"delivery": delivery, "attempts": display.attempts_of(delivery), "settings": get_settings()}
