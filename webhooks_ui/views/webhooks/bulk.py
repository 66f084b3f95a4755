"""One change to several webhooks, after a page that counts them."""

from collections.abc import Callable

from flask import flash, render_template, request, url_for
from sqlalchemy import select
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from jobs.wake import wake
from webhooks_ui import webhook_changes
from webhooks_ui.answers import go
from webhooks_ui.converters import LARGEST_ID
from webhooks_ui.extensions import db
from webhooks_ui.models import Webhook
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.webhook_list import PAGE_SIZES

ACTIONS: dict[str, Callable[[Webhook], object]] = {
    "activate": lambda webhook: webhook_changes.set_active(webhook, True),
    "deactivate": lambda webhook: webhook_changes.set_active(webhook, False),
    "delete": webhook_changes.delete,
}
DONE = {"activate": "active now", "deactivate": "inactive now", "delete": "deleted"}


@blueprint.post("/bulk")
def bulk() -> Response | str:
    action = request.form.get("action", "")
    if action not in ACTIONS:
        raise UnprocessableEntity("The field action must be activate, deactivate or delete.")
    webhooks = _chosen(request.form.getlist("webhook"))
    if not webhooks:
        raise UnprocessableEntity("Choose at least one webhook that still exists.")
    if "confirmed" not in request.form:
        return render_template("webhooks/bulk.html", action=action, webhooks=webhooks)
    for webhook in webhooks:
        ACTIONS[action](webhook)
    db.session.commit()
    if action == "activate":
        wake()  # what waited for them may go out now
    count = len(webhooks)
    flash(f"{count} webhook{'' if count == 1 else 's'} {'is' if count == 1 else 'are'} {DONE[action]}.")
    return go(url_for("webhooks.index"))


def _chosen(texts: list[str]) -> list[Webhook]:
    """The webhooks of those ids, locked; what is no id or gone meanwhile is passed over."""
    ids = {int(text) for text in texts[: PAGE_SIZES[-1]] if text.isdecimal() and len(text) < 20}
    query = (
        select(Webhook)
        .where(Webhook.id.in_({number for number in ids if number <= LARGEST_ID}), Webhook.deleted_at.is_(None))
        .order_by(Webhook.id)
        .with_for_update()
    )
    return list(db.session.scalars(query))
