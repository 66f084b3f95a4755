"""What an inspector answers, and how its requests and itself are deleted."""

from flask import Response, flash, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.inspector import InspectorForm
from webhooks_ui.views.inspectors.blueprint import blueprint, load
from webhooks_ui.views.inspectors.show import page
from webhooks_ui.web.answers import go
from webhooks_ui.webhooks import inspectors


@blueprint.post("/<int:inspector_id>")
def update(inspector_id: int) -> BaseResponse:
    form = InspectorForm.of(load(inspector_id))
    if not form.validate():
        return page(load(inspector_id), form, 422)
    with writing():
        inspectors.edit(load(inspector_id, lock=True), form.columns)
    flash("Saved. The next request gets this answer.")
    return go(url_for(".show", inspector_id=inspector_id))


@blueprint.post("/<int:inspector_id>/clear")
def clear(inspector_id: int) -> BaseResponse:
    with writing():
        inspectors.clear(load(inspector_id))
    flash("The requests were deleted.")
    return go(url_for(".show", inspector_id=inspector_id))


@blueprint.get("/<int:inspector_id>/delete")
def confirm_delete(inspector_id: int) -> str:
    inspector = load(inspector_id)
    return render_template("inspectors/delete.html", inspector=inspector, webhooks=inspectors.pointing(inspector))


@blueprint.post("/<int:inspector_id>/delete")
def delete(inspector_id: int) -> Response | BaseResponse:
    with writing():
        inspector = load(inspector_id, lock=True)
        name = inspector.name
        inspectors.delete(inspector)
    flash(f"{name} was deleted. Its URL answers 404 now.")
    return go(url_for(".index"))
