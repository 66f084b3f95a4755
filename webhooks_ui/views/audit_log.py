"""The audit log: who did what, when, from where."""

from flask import Blueprint, Response, request, url_for

from webhooks_ui import audit_view
from webhooks_ui.audit_pages import AuditFilters, find_entries
from webhooks_ui.htmx import render

blueprint = Blueprint("audit_log", __name__, url_prefix="/admin/audit-log")


@blueprint.get("")
def index() -> Response:
    filters = AuditFilters.parse(request.args)
    cursor = request.args.get("cursor", "")
    entries, older = find_entries(filters, cursor)
    response = render(
        "audit_log/index.html",
        "audit_log/_list.html",
        filters=filters,
        entries=entries,
        older=older,
        is_first=not cursor,
        links=audit_view.links(entries),
        audit_view=audit_view,
    )
    if request.headers.get("HX-Trigger") == "audit-filters":
        # A form names its empty fields too: the address bar gets the short form.
        response.headers["HX-Replace-Url"] = url_for("audit_log.index", **filters.args)
    return response
