"""The settings. Every admin may see them, but only a super admin may save."""

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs.chores.notify import admin_addresses
from jobs.chores.purge import count
from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.deliveries.schedules import describe
from webhooks_ui.forms import meanwhile
from webhooks_ui.forms.settings import RETENTION_DAYS, SettingsForm, texts_of
from webhooks_ui.models import get_settings, set_settings
from webhooks_ui.web.answers import go, render

blueprint = Blueprint("settings", __name__, url_prefix="/admin/settings/webhooks")


@blueprint.get("")
def edit() -> Response:
    return _page(SettingsForm.fill(get_settings()))


@blueprint.post("")
def update() -> BaseResponse:
    with writing():
        before, given = get_settings(), request.form.to_dict()
        kept, clashing = meanwhile.changed_meanwhile(texts_of(before), given)
        form = SettingsForm.fill(before, given | kept)
        is_valid = form.validate()
        meanwhile.tell(form, clashing)
        if is_valid and not clashing:
            set_settings(form.values)
            audit.record("settings.updated", "settings", None, "Webhooks", before=before, after=before | form.values)
    if not is_valid or clashing:
        return _page(form, 422 if not is_valid else 409)
    flash("The settings were saved.")
    return go(url_for(".edit"))


@blueprint.get("/purge")
def purge() -> Response:
    """Show what a purge would delete now. The settings load this separately, because counting reads every old row."""
    days = request.args.get("retention_days", type=int)
    if days not in RETENTION_DAYS:
        days = get_settings()["retention_days"]
    return render("settings/purge.html", "settings/_purge.html", days=days, purged=count(days), choices=RETENTION_DAYS)


def _page(form: SettingsForm, status: int = 200) -> Response:
    smtp = current_app.config["SMTP"]
    mail = {"host": smtp.host, "admins": len(admin_addresses())} if smtp else None
    seen = meanwhile.seen_of(texts_of(get_settings()))
    context = {"form": form, "describe": describe, "mail": mail, "seen": seen}
    return make_response(render_template("settings/edit.html", **context), status)
