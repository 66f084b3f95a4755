"""The audit log: who did what, when, from where."""

from flask import Blueprint, Response, request

from webhooks_ui import audit_view
from webhooks_ui.audit_pages import AuditFilters, find_entries
from webhooks_ui.htmx import render

blueprint = Blueprint("audit_log", __name__, url_prefix="/admin/audit-log")


@blueprint.get("")
def index() -> Response:
    filters = AuditFilters.parse(request.args)
    cursor = request.args.get("cursor", "")
    entries, older = find_entries(filters, cursor)
    return render(
        "audit_log/index.html",
        "audit_log/_list.html",
        filters=filters,
        entries=entries,
        older=older,
        is_first=not cursor,
        links=audit_view.links(entries),
        audit_view=audit_view,
    )
