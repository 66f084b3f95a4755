"""The page "Why is the signature invalid?" of a webhook."""

from flask import Response, make_response, render_template, request
from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.deliveries import display
from webhooks_ui.deliveries.sent import sent_to
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow
from webhooks_ui.parsing import parse_id
from webhooks_ui.views.webhooks.blueprint import blueprint
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.pasted_headers import parse_headers
from webhooks_ui.webhooks.signature_check import Known, check
from webhooks_ui.webhooks.signed_request import NAMES, Given

FIELDS = ("headers", "body", "secret", "computed")
NOTHING_PASTED = Check(
    Verdict.NOTE,
    "Paste the headers",
    f"A signature is checked with {', '.join(NAMES)} and the body. A delivery in the log can fill them in.",
)
UNREADABLE = Check(
    Verdict.PROBLEM,
    "The stored secret can't be read",
    "The key that encrypted it is not in ENCRYPTION_KEYS. Type the secret that your endpoint uses.",
)


@blueprint.get("/<int:webhook_id>/signature")
def signature(webhook_id: int) -> Response:
    """Show the form, or with ``?delivery=<id>`` filled with the last attempt of that delivery."""
    webhook = changes.get(webhook_id)
    typed = dict.fromkeys(FIELDS, "")
    attempt = _last_attempt(webhook, parse_id(request.args.get("delivery", "")))
    if attempt:
        typed["headers"] = display.header_lines(display.request_headers(attempt.delivery, attempt))
        typed["body"] = display.decoded(display.request_body(attempt.delivery, attempt))
    return make_response(render_template("webhooks/signature.html", webhook=webhook, typed=typed, steps=[]))


@blueprint.post("/<int:webhook_id>/signature")
def check_signature(webhook_id: int) -> Response:
    webhook = changes.get(webhook_id)
    typed = {name: request.form.get(name, "") for name in FIELDS}
    given = Given(
        parse_headers(typed["headers"]),
        typed["body"].replace("\r\n", "\n").encode("utf-8", "replace"),  # forms send CRLF
        typed["computed"].strip(),
    )
    secret = typed["secret"].strip()
    if not typed["headers"].strip():
        steps = [NOTHING_PASTED]
    elif secret or webhook.is_readable:
        known = Known(sent_to(webhook, given), webhook.signing_secrets if webhook.is_readable else ())
        steps = check(given, secret or webhook.secret, utcnow(), known)
    else:
        steps = [UNREADABLE]
    return make_response(render_template("webhooks/signature.html", webhook=webhook, typed=typed, steps=steps))


def _last_attempt(webhook: Webhook, delivery_id: int | None) -> Attempt | None:
    query = (
        select(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .where(Attempt.delivery_id == (delivery_id or 0), Delivery.webhook_id == webhook.id)
        .order_by(Attempt.number.desc())
    )
    attempt: Attempt | None = db.session.scalar(query.limit(1))
    return attempt
