"""The catalogue of event types, with examples. A super admin adds types to it."""

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import db, writing
from webhooks_ui.events import catalogue
from webhooks_ui.forms import meanwhile
from webhooks_ui.forms.event_type import EventTypeForm, texts_of
from webhooks_ui.models import OwnEventType
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go
from webhooks_ui.webhooks import own_event_types

blueprint = Blueprint("event_types", __name__, url_prefix="/admin/event-types")


@blueprint.get("")
def index() -> str:
    chosen = request.args.get("type", "")
    return render_template("event_types/index.html", fields=catalogue.FIELDS, chosen=chosen)


@blueprint.get("/new")
def new() -> Response:
    return _page(EventTypeForm())


@blueprint.post("/new")
def create() -> BaseResponse:
    form = EventTypeForm()
    if not form.validate():
        return _page(form, status=422)
    with writing():
        if address := form_tokens.begin():
            return go(address)
        is_new = own_event_types.add(form.columns)
        if is_new:
            form_tokens.finish(_address(str(form.name.data)))
    if not is_new:
        form.name.errors = [f"There is a type {form.name.data} already. Edit it, or choose another name."]
        return _page(form, status=422)
    return _done(str(form.name.data), "was added")


@blueprint.get("/<name>/edit")
def edit(name: str) -> Response:
    type = own_event_types.get(name)
    return _page(EventTypeForm.of(type), type, meanwhile.seen_of(texts_of(type)))


@blueprint.post("/<name>/edit")
def update(name: str) -> BaseResponse:
    given = request.form.to_dict()
    with writing():
        type = own_event_types.get(name, lock=True)
        form, status, seen = meanwhile.merge(texts_of(type), given, lambda kept: EventTypeForm.of(type, given | kept))
        if status == 200:
            own_event_types.edit(type, form.columns)
    if status != 200:
        return _page(form, type, seen, status)
    return _done(name, "was saved")


@blueprint.get("/<name>/delete")
def confirm_delete(name: str) -> str:
    type = own_event_types.get(name)
    return render_template("event_types/delete.html", type=type, webhooks=own_event_types.subscribed(type))


@blueprint.post("/<name>/delete")
def delete(name: str) -> BaseResponse:
    with writing():
        own_event_types.delete(own_event_types.get(name, lock=True))
    return _done(name, "was deleted. Its events stay in the log")


def _done(name: str, what: str) -> BaseResponse:
    catalogue.forget()
    flash(f"The event type {name} {what}.")
    exists = db.session.scalar(select(OwnEventType.id).where(OwnEventType.name == name))
    return go(_address(name) if exists else url_for(".index"))


def _address(name: str) -> str:
    return url_for(".index", type=name, _anchor=name)


def _page(form: EventTypeForm, type: OwnEventType | None = None, seen: str = "", status: int = 200) -> Response:
    return make_response(render_template("event_types/form.html", form=form, type=type, seen=seen), status)
