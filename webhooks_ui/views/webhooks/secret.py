"""The Webhook Secret: revealing it, and replacing it."""

from contextlib import suppress

from flask import Response, flash, make_response, render_template, request, session, url_for
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Response as BaseResponse

from webhooks_ui.database import writing
from webhooks_ui.models import Webhook, secret_box
from webhooks_ui.models.api_key import digest
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.web import form_tokens
from webhooks_ui.web.answers import go, render, wants_fragment
from webhooks_ui.webhooks import changes

MESSAGES = {  # by the hours for which the old secret signs, too
    "0": "A new secret was generated. The old secret has expired.",
    "24": "A new secret was generated. For 24 hours, deliveries are also signed with the old secret.",
}

SHOWN_ONCE = "secret_shown_once"


def show_once(webhook: Webhook) -> None:
    """Let the webhook's page show its new secret to the person who has set it.

    The browser's cookie names the secret and not the webhook. Else a copy of the cookie would also show later secrets,
    which others have set, and the audit log would not say so.
    """
    session[SHOWN_ONCE] = digest(webhook.secret_encrypted)


def finish_form(webhook: Webhook) -> str:
    """End the work of a form that has set a secret. Return the address of the webhook's page, which shows it."""
    address = url_for("webhooks.show", webhook_id=webhook.id)
    form_tokens.finish(address)
    if token := form_tokens.token():
        form_tokens.seal(token, digest(webhook.secret_encrypted))
    return address


def show_again() -> None:
    """Let the webhook's page show the secret that the same form has set when it was sent first.

    The browser has left the first answer for the second one, and with it the first one's cookie.
    """
    if kept := form_tokens.unseal(form_tokens.token()):
        session[SHOWN_ONCE] = kept


def is_shown_once(webhook: Webhook) -> bool:
    """Return True if the page that is asked for shows the secret, and the next one doesn't."""
    return bool(session.pop(SHOWN_ONCE, None) == digest(webhook.secret_encrypted))


@blueprint.get("/<int:webhook_id>/secret")
def secret(webhook_id: int) -> Response:
    shown = None
    with suppress(secret_box.Undecryptable), writing():  # the audit entry
        shown = changes.reveal_secret(changes.get(webhook_id))
    webhook = changes.get(webhook_id)
    return render("webhooks/secret.html", "webhooks/_secret.html", webhook=webhook, secret=shown)


@blueprint.post("/<int:webhook_id>/secret")
def replace_secret(webhook_id: int) -> BaseResponse:
    hours = request.form.get("grace_hours", "0")
    if hours not in MESSAGES:
        raise UnprocessableEntity(f"The field grace_hours must be {' or '.join(MESSAGES)}.")
    try:
        with writing():
            webhook = changes.get(webhook_id, lock=True)
            if address := form_tokens.begin():
                show_again()
                return go(address)
            still_signs = changes.replace_secret(webhook, secret_box.generate(), int(hours))
            finish_form(webhook)
    except changes.TooManySecrets as error:
        return _answer(changes.get(webhook_id), str(error), "error")
    return _answer(webhook, MESSAGES[hours if still_signs else "0"], is_new=True)


@blueprint.post("/<int:webhook_id>/older-secrets/<secret_id>/end")
def end_secret(webhook_id: int, secret_id: str) -> BaseResponse:
    with writing():
        webhook = changes.get(webhook_id, lock=True)
        has_ended = changes.end_secret(webhook, secret_id)
    if not has_ended:
        return _answer(webhook, "Nothing was changed: this older secret has ended before, or never was.", "error")
    return _answer(webhook, "The older secret has expired. Deliveries are no longer signed with it.")


def _answer(webhook: Webhook, message: str, kind: str = "", *, is_new: bool = False) -> BaseResponse:
    """Answer a change of the secrets. A new one is shown in clear."""
    if wants_fragment():
        context = {"webhook": webhook, "secret": webhook.secret if is_new else None, "message": message, "kind": kind}
        return make_response(render_template("webhooks/_secret.html", **context))
    if is_new:
        show_once(webhook)
    flash(message, kind or "success")
    return go(url_for("webhooks.show", webhook_id=webhook.id, _anchor="secret"))
