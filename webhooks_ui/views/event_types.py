"""The catalogue of event types, with examples. A super admin adds types to it."""

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.events import catalogue
from webhooks_ui.events.operational import CATEGORY
from webhooks_ui.events.operational import FIELDS as OPERATIONAL_FIELDS
from webhooks_ui.events.types import FIELDS
from webhooks_ui.forms import meanwhile
from webhooks_ui.forms.event_type import EventTypeForm, texts_of
from webhooks_ui.models import OwnEventType
from webhooks_ui.web.answers import go
from webhooks_ui.webhooks import own_event_types

blueprint = Blueprint("event_types", __name__, url_prefix="/admin/event-types")


@blueprint.get("")
def index() -> str:
    fields = FIELDS | {CATEGORY: OPERATIONAL_FIELDS}
    return render_template("event_types/index.html", fields=fields, chosen=request.args.get("type", ""))


@blueprint.get("/new")
def new() -> Response:
    return _page(EventTypeForm())


@blueprint.post("/new")
def create() -> BaseResponse:
    form = EventTypeForm()
    if not form.validate():
        return _page(form, status=422)
    with writing():
        is_new = own_event_types.add(form.columns)
    if not is_new:
        form.name.errors = [f"There is a type {form.name.data} already. Edit it, or choose another name."]
        return _page(form, status=422)
    return _done(str(form.name.data), "was added")


@blueprint.get("/<name>/edit")
def edit(name: str) -> Response:
    type = own_event_types.get(name)
    return _page(EventTypeForm.of(type), type)


@blueprint.post("/<name>/edit")
def update(name: str) -> BaseResponse:
    type, given = own_event_types.get(name), request.form.to_dict()
    kept, clashing = meanwhile.changed_meanwhile(texts_of(type), given)
    form = EventTypeForm.of(type, given | kept)
    is_valid = form.validate()
    meanwhile.tell(form, clashing)
    if not is_valid or clashing:
        return _page(form, type, 422 if not is_valid else 409)
    with writing():
        own_event_types.edit(own_event_types.get(name), form.columns)
    return _done(name, "was saved")


@blueprint.get("/<name>/delete")
def confirm_delete(name: str) -> str:
    type = own_event_types.get(name)
    return render_template("event_types/delete.html", type=type, webhooks=own_event_types.subscribed(type))


@blueprint.post("/<name>/delete")
def delete(name: str) -> BaseResponse:
    with writing():
        own_event_types.delete(own_event_types.get(name))
    return _done(name, "was deleted. Its events stay in the log")


def _done(name: str, what: str) -> BaseResponse:
    catalogue.forget()
    flash(f"The event type {name} {what}.")
    exists = db.session.scalar(select(OwnEventType.id).where(OwnEventType.name == name))
    return go(url_for(".index", type=name, _anchor=name) if exists else url_for(".index"))


def _page(form: EventTypeForm, type: OwnEventType | None = None, status: int = 200) -> Response:
    seen = meanwhile.seen_of(texts_of(type)) if type else ""
    return make_response(render_template("event_types/form.html", form=form, type=type, seen=seen), status)
