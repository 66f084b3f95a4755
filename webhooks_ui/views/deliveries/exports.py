"""Exports: the deliveries that match the filters, as a file."""

from collections.abc import Iterator

from flask import Blueprint, Response, request, stream_with_context

from webhooks_ui.database import writing
from webhooks_ui.deliveries.export import csv_lines, json_lines, record_export
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.views.deliveries.query import filters_of

blueprint = Blueprint("exports", __name__, url_prefix="/admin/webhook-deliveries")


@blueprint.get("/export.csv")
def csv() -> Response:
    filters = _recorded("csv")
    return _file(csv_lines(filters), "text/csv; charset=utf-8", "deliveries.csv")


@blueprint.get("/export.json")
def json() -> Response:
    filters = _recorded("json")
    return _file(json_lines(filters), "application/json", "deliveries.json")


def _recorded(format: str) -> DeliveryFilters:
    """Return the filters of the request, and write the export to the audit log."""
    filters = filters_of(request.args)
    with writing():
        record_export(format, filters)
    return filters


def _file(lines: Iterator[str], content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(lines), content_type=content_type, headers=headers)
