"""The audit log: who did what, when and from where."""

from flask import Blueprint, Response, request, url_for

from webhooks_ui.parsing import parse_id
from webhooks_ui.views.audit_log import words
from webhooks_ui.views.audit_log.entries import PROBLEMS, AuditFilters, find_entries
from webhooks_ui.views.audit_log.filter_words import webhook_names
from webhooks_ui.web.answers import render, shorten_address

blueprint = Blueprint("audit_log", __name__, url_prefix="/admin/audit-log")


@blueprint.get("")
def index() -> Response:
    filters = AuditFilters.parse(request.args)
    cursor = request.args.get("cursor", "")
    if is_lost := bool(cursor) and parse_id(cursor) is None:
        cursor = ""
    entries, older = find_entries(filters, cursor)
    response = render(
        "audit_log/index.html",
        "audit_log/_list.html",
        filters=filters,
        entries=entries,
        older=older,
        is_first=not cursor,
        is_lost=is_lost,
        links=words.links(entries),
        webhook_names=webhook_names(entries),
        audit_words=words,
        PROBLEMS=PROBLEMS,
    )
    return shorten_address(response, "audit-filters", url_for("audit_log.index", **filters.args))
