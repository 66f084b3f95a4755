"""Exports: the deliveries that match the filters, as a file."""

from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request, stream_with_context

from webhooks_ui.database import writing
from webhooks_ui.deliveries.export import csv_lines, json_lines, record_export
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.views.deliveries.query import filters_of, refusal

blueprint = Blueprint("exports", __name__, url_prefix="/admin/webhook-deliveries")


@blueprint.get("/export.csv")
def csv() -> Response:
    filters = filters_of(request.args)
    return refusal(filters) or _file(filters, "csv", csv_lines, "text/csv; charset=utf-8")


@blueprint.get("/export.json")
def json() -> Response:
    filters = filters_of(request.args)
    return refusal(filters) or _file(filters, "json", json_lines, "application/json")


def _file(
    filters: DeliveryFilters, format: str, lines: Callable[[DeliveryFilters], Iterator[str]], content_type: str
) -> Response:
    """Write the export to the audit log, and answer with the file. Its name says what its times are."""
    with writing():
        record_export(format, filters)
    headers = {"Content-Disposition": f'attachment; filename="deliveries-utc.{format}"'}
    return Response(stream_with_context(lines(filters)), content_type=content_type, headers=headers)
