"""One change to several webhooks, after a page that asks for confirmation."""

from collections.abc import Callable

from flask import flash, render_template, request, url_for
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response

from webhooks_ui.database import db, writing
from webhooks_ui.models import Webhook
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web.answers import go, safe_next
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.filters import PAGE_SIZES

WEBHOOKS_MAX = PAGE_SIZES[-1]
ACTIONS: dict[str, Callable[[Webhook], object]] = {
    "activate": lambda webhook: changes.set_active(webhook, True),
    "deactivate": lambda webhook: changes.set_active(webhook, False),
    "delete": changes.delete,
}
DONE = {  # for one webhook, and for several
    "activate": ("is active now", "are active now"),
    "deactivate": ("is inactive now", "are inactive now"),
    "delete": ("was deleted", "were deleted"),
}


@blueprint.get("/bulk")
def no_bulk() -> Response:
    """Redirect to the list. The address of the confirmation alone doesn't say which webhooks were selected."""
    return go(url_for("webhooks.index"))


@blueprint.post("/bulk")
def bulk() -> Response | str:
    action, back = request.form.get("action", ""), safe_next(request.form.get("next"))
    if action not in ACTIONS:
        raise UnprocessableEntity("The field action must be activate, deactivate or delete.")
    texts = _selected(request.form)
    if len(texts) > WEBHOOKS_MAX:
        raise UnprocessableEntity(
            f"Nothing was changed, because {len(texts)} webhooks were selected. Select at most {WEBHOOKS_MAX} at once."
        )
    is_confirmed = "confirmed" in request.form
    if is_confirmed:
        with writing():
            webhooks = _chosen(texts, lock=True)
            for webhook in webhooks:
                ACTIONS[action](webhook)
    else:
        webhooks = _chosen(texts)
    if not webhooks:
        what = "None of the selected webhooks exists any more" if texts else "No webhook was selected"
        flash(f"{what}. Select at least one, then press {action.capitalize()}.", "error")
        return go(back)
    if not is_confirmed:
        return _confirmation(action, webhooks, back)
    several = len(webhooks) > 1
    flash(f"{len(webhooks)} webhook{'s' if several else ''} {DONE[action][several]}.")
    return go(back)


def _selected(form: MultiDict[str, str]) -> set[str]:
    """Return the values of all fields ``webhook``, and of the boxes of the list, such as ``webhook-4``.

    Boxes have names of their own, because a browser that goes back checks them again by their names.
    """
    return {value for name, value in form.items(multi=True) if name.partition("-")[0] == "webhook"}


def _confirmation(action: str, webhooks: list[Webhook], back: str) -> str:
    wanted = {"activate": True, "deactivate": False}.get(action)
    return render_template(
        "webhooks/bulk.html",
        action=action,
        webhooks=webhooks,
        unchanged=sum(webhook.active is wanted for webhook in webhooks),
        pending=changes.count_pending([webhook.id for webhook in webhooks]),
        back=back,
    )


def _chosen(texts: set[str], *, lock: bool = False) -> list[Webhook]:
    """Return the webhooks with these ids. Skip texts that are no id, and webhooks that were deleted."""
    ids = {id for text in texts if (id := parse_id(text)) is not None}
    query = select(Webhook).where(Webhook.id.in_(ids), IS_LIVE).order_by(Webhook.id)
    return list(db.session.scalars(query.with_for_update(key_share=True) if lock else query))
