"""The settings. Every admin may see them, but only a super admin may save."""

from flask import Blueprint, Response, current_app, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from jobs.chores.notify import admin_addresses
from jobs.chores.purge import count
from webhooks_ui import audit
from webhooks_ui.database import writing
from webhooks_ui.forms import meanwhile
from webhooks_ui.forms.settings import RETENTION_DAYS, SettingsForm, texts_of
from webhooks_ui.models import get_settings, set_settings
from webhooks_ui.schedules import describe
from webhooks_ui.web.answers import go, render

blueprint = Blueprint("settings", __name__, url_prefix="/admin/settings/webhooks")


@blueprint.get("")
def edit() -> Response:
    saved = get_settings()
    return _page(SettingsForm.fill(saved), meanwhile.seen_of(texts_of(saved)))


@blueprint.post("")
def update() -> BaseResponse:
    with writing():
        before, given = get_settings(lock=True), request.form.to_dict()
        form, status, seen = meanwhile.merge(
            texts_of(before), given, lambda kept: SettingsForm.fill(before, given | kept)
        )
        if status == 200:
            set_settings(form.values)
            audit.record("settings.updated", "settings", None, "Webhooks", before=before, after=before | form.values)
    if status != 200:
        return _page(form, seen, status)
    flash("The settings were saved.")
    return go(url_for(".edit"))


@blueprint.get("/purge")
def purge() -> Response:
    """Show what a purge would delete now. The settings load this separately, because counting reads every old row."""
    days = request.args.get("retention_days", type=int)
    if days not in RETENTION_DAYS:
        days = get_settings()["retention_days"]
    return render("settings/purge.html", "settings/_purge.html", days=days, purged=count(days), choices=RETENTION_DAYS)


def _page(form: SettingsForm, seen: str, status: int = 200) -> Response:
    smtp = current_app.config["SMTP"]
    mail = {"host": smtp.host, "admins": len(admin_addresses())} if smtp else None
    context = {"form": form, "describe": describe, "mail": mail, "seen": seen}
    return make_response(render_template("settings/edit.html", **context), status)
