"""The page of one inspector: its URL, its answer, and the requests that it got, the newest first."""

from collections.abc import Sequence
from typing import Any

from flask import Response, abort, current_app, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import release, write_aside
from webhooks_ui.deliveries import display
from webhooks_ui.forms.inspector import InspectorForm
from webhooks_ui.models import InspectedRequest, Inspector, Webhook, utcnow
from webhooks_ui.models.inspector import KEPT_FOR
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.inspectors.blueprint import address_of, blueprint, load
from webhooks_ui.views.inspectors.verdicts import Seen, keys_of, see, source_of, steps_of
from webhooks_ui.web.answers import wants_fragment
from webhooks_ui.web.json_tree import fold
from webhooks_ui.webhooks import inspected, inspectors
from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.targets import check_url

NOTED_AFTER = KEPT_FOR / 168  # of looking at it, an hour


@blueprint.get("/<int:inspector_id>")
def show(inspector_id: int) -> Response:
    """Show the page, or for HTMX the request that ``?request=`` names. ``was`` is the one that was shown before."""
    inspector = load(inspector_id)
    if wants_fragment():
        return _chosen(inspector)
    if utcnow() - inspector.looked_at > NOTED_AFTER:
        write_aside(inspectors.looked_at(inspector))
    return page(inspector, InspectorForm.of(inspector))


@blueprint.get("/<int:inspector_id>/newer")
def newer(inspector_id: int) -> Response:
    """Return the requests that came after ``than``, or no content. The page polls this."""
    inspector = load(inspector_id)
    than = parse_id(request.args.get("than", "")) or 0
    came = inspected.newest(inspector, than)
    if not came:
        return make_response("", 204)
    webhooks = inspectors.pointing(inspector)
    if than:
        rows = _seen(came, webhooks)
        return make_response(render_template("inspectors/_newer.html", inspector=inspector, rows=rows, last=came[0].id))
    response = make_response(render_template("inspectors/_inspected.html", **_requests(inspector, webhooks, came)))
    response.headers.update({"HX-Retarget": "#inspected", "HX-Reswap": "outerHTML"})
    return response


@blueprint.get("/<int:inspector_id>/requests/<int:request_id>/body")
def body(inspector_id: int, request_id: int) -> BaseResponse:
    """Return the bytes of a body as they came, as a download or as text for the page."""
    found = inspected.get(load(inspector_id), request_id) or abort(404)
    if wants_fragment():
        text = display.decoded(found.body)
        return make_response(render_template("deliveries/_raw_body.html", text=text, id="received-raw"))
    response = make_response(found.body)
    response.headers["Content-Type"] = "application/octet-stream"  # whoever sent it must not say what a browser does
    response.headers["Content-Disposition"] = f'attachment; filename="request-{request_id}"'
    return response


def page(inspector: Inspector, form: InspectorForm, status: int = 200) -> Response:
    """Answer with the page. The form has what is stored or what was typed."""
    address = address_of(inspector)
    context: dict[str, Any] = {"form": form, "address": address, "unreachable": _unreachable(address)}
    context |= _requests(inspector, inspectors.pointing(inspector), inspected.newest(inspector))
    context |= {"timeout_seconds": current_app.config["REQUEST_TIMEOUT_SECONDS"], "most": inspected.REQUESTS_MAX}
    return make_response(render_template("inspectors/show.html", **context), status)


def _requests(inspector: Inspector, webhooks: Sequence[Webhook], came: Sequence[InspectedRequest]) -> dict[str, Any]:
    """Return what the list of requests needs, with the one that is shown whole."""
    rows = _seen(came, webhooks)
    wanted = parse_id(request.args.get("request", ""))
    chosen = next((seen for seen in rows if seen.request.id == wanted), rows[0] if rows else None)
    context = {"inspector": inspector, "webhooks": webhooks, "rows": rows} | _details(chosen, webhooks)
    return context | {"is_gone": wanted is not None and not (chosen and chosen.request.id == wanted)}


def _details(chosen: Seen | None, webhooks: Sequence[Webhook]) -> dict[str, Any]:
    """Return what the page shows of the chosen request alone."""
    if chosen is None:
        return {"chosen": None}
    return {
        "chosen": chosen,
        "steps": steps_of(chosen),
        "source": source_of(chosen.head, webhooks),
        "folded": fold(chosen.request.body),
        "is_large": len(chosen.request.body) > display.INLINE_BODY_MAX_BYTES,
    }


def _chosen(inspector: Inspector) -> Response:
    """Answer HTMX with one request, and with the rows of it and of the one that was shown before."""
    webhooks = inspectors.pointing(inspector)
    ids = [parse_id(request.args.get(name, "")) for name in ("request", "was")]
    found = [inspected.get(inspector, id) if id else None for id in ids]
    if found[0] is None:
        abort(404)
    rows = _seen([row for row in dict.fromkeys(found) if row], webhooks)
    context = {"inspector": inspector, "webhooks": webhooks, "rows": rows} | _details(rows[0], webhooks)
    return make_response(render_template("inspectors/_chosen.html", **context))


def _seen(came: Sequence[InspectedRequest], webhooks: Sequence[Webhook]) -> list[Seen]:
    keys = keys_of(webhooks)
    return [see(row, keys) for row in came]


def _unreachable(address: str) -> str:
    """Return why no delivery may go to the inspector, or an empty text."""
    release()  # no transaction is open while the host is looked up
    try:
        check_url(address, current_app.config["ALLOWED_TARGETS"])
    except TargetError as error:
        return str(error)
    return ""
