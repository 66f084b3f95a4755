"""One change to several webhooks, after a page that counts them."""

from collections.abc import Callable

from flask import flash, render_template, request, url_for
from sqlalchemy import select
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from jobs.wake import wake
from webhooks_ui import webhook_changes
from webhooks_ui.access import safe_next
from webhooks_ui.answers import go
from webhooks_ui.converters import LARGEST_ID
from webhooks_ui.extensions import db
from webhooks_ui.models import Webhook
from webhooks_ui.page_size import PAGE_SIZES
from webhooks_ui.views.webhooks.blueprint import blueprint

ACTIONS: dict[str, Callable[[Webhook], object]] = {
    "activate": lambda webhook: webhook_changes.set_active(webhook, True),
    "deactivate": lambda webhook: webhook_changes.set_active(webhook, False),
    "delete": webhook_changes.delete,
}
DONE = {  # to one, to several
    "activate": ("is active now", "are active now"),
    "deactivate": ("is inactive now", "are inactive now"),
    "delete": ("was deleted", "were deleted"),
}


@blueprint.get("/bulk")
def no_bulk() -> Response:
    """Where somebody lands who asks for the confirmation by its address alone: what was chosen is not in it."""
    return go(url_for("webhooks.index"))


@blueprint.post("/bulk")
def bulk() -> Response | str:
    action, back = request.form.get("action", ""), safe_next(request.form.get("next"))
    if action not in ACTIONS:
        raise UnprocessableEntity("The field action must be activate, deactivate or delete.")
    texts = request.form.getlist("webhook")
    webhooks = _chosen(texts)
    if not webhooks:
        what = "None of the chosen webhooks is there any more" if texts else "No webhook was chosen"
        flash(f"{what}. Tick the box of at least one, then press {action.capitalize()}.", "error")
        return go(back)
    if "confirmed" not in request.form:
        return _confirmation(action, webhooks, back)
    for webhook in webhooks:
        ACTIONS[action](webhook)
    db.session.commit()
    if action == "activate":
        wake()  # what waited for them may go out now
    several = len(webhooks) > 1
    flash(f"{len(webhooks)} webhook{'s' if several else ''} {DONE[action][several]}.")
    return go(back)


def _confirmation(action: str, webhooks: list[Webhook], back: str) -> str:
    wanted = {"activate": True, "deactivate": False}.get(action)
    return render_template(
        "webhooks/bulk.html",
        action=action,
        webhooks=webhooks,
        unchanged=sum(webhook.active is wanted for webhook in webhooks),
        pending=webhook_changes.count_pending([webhook.id for webhook in webhooks]),
        back=back,
    )


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
