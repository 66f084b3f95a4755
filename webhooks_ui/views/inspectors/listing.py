"""The list of somebody's inspectors, and the form that creates one."""

from flask import Response, flash, make_response, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.forms.inspector import NewInspectorForm
from webhooks_ui.views.inspectors.blueprint import blueprint
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go
from webhooks_ui.webhooks import inspectors


@blueprint.get("")
def index() -> Response:
    return _page(NewInspectorForm(formdata=None))


@blueprint.post("")
def create() -> BaseResponse:
    form, user_id = NewInspectorForm(), current_user.id
    if not form.validate():
        return _page(form, 422)
    try:
        with writing():
            if address := form_tokens.begin():
                return go(address)
            inspector = inspectors.create(user_id, form.name.data or "")
            address = url_for("inspectors.show", inspector_id=inspector.id)
            form_tokens.finish(address)
    except inspectors.TooMany as error:
        form.name.errors = [str(error)]
        return _page(form, 422)
    flash("The inspector was created. Copy its URL, or create a webhook for it.")
    return go(address)


def _page(form: NewInspectorForm, status: int = 200) -> Response:
    present, most = inspectors.of(current_user.id), inspectors.INSPECTORS_MAX
    return make_response(render_template("inspectors/index.html", form=form, inspectors=present, most=most), status)
