"""The list of people, and the rules for signing in."""

from flask import Response, current_app, flash, make_response, render_template, url_for
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.forms.team import WHAT_ROLES_MAY, RulesForm
from webhooks_ui.models import Role, get_settings, set_settings
from webhooks_ui.models.setting import SECOND_FACTOR_RULE as RULE
from webhooks_ui.people.accounts import everybody, sign_in_methods
from webhooks_ui.views.team.blueprint import blueprint
from webhooks_ui.web.answers import go


@blueprint.get("")
def index() -> Response:
    page = render_template(
        "team/index.html",
        people=everybody(),
        sign_in_methods=sign_in_methods,
        required=get_settings()[RULE],
        what_roles_may=WHAT_ROLES_MAY,
        roles=tuple(Role),
        provider=current_app.config["OIDC"],
        has_passwords=current_app.config["PASSWORD_SIGN_IN"],
    )
    return make_response(page)


@blueprint.post("/rules")
def update_rules() -> BaseResponse:
    """Save which roles need a second factor."""
    form = RulesForm()
    if not form.validate():
        raise UnprocessableEntity(form.errors["roles"][0])
    with writing():
        before = {RULE: get_settings(lock=True)[RULE]}
        set_settings({RULE: form.values})
        audit.record("team.updated", "team", None, before=before, after={RULE: form.values})
    flash("The rules were saved.")
    return go(url_for(".index"))
