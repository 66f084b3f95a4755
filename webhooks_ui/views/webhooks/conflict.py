"""A conflict of two people who edit one webhook: what differs, and who saved first."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.forms.webhook import WebhookForm
from webhooks_ui.models import AuditEntry, Webhook
from webhooks_ui.views.audit_log.words import label_of
from webhooks_ui.webhooks.changes import FIELDS, fields_of, sealed
from webhooks_ui.webhooks.client_certificates import wrong_pair
from webhooks_ui.webhooks.first_steps import COPIED
from webhooks_ui.webhooks.option_words import shown
from webhooks_ui.webhooks.own_headers import MASK, is_alike

NO_CHANGES = (*COPIED, "webhook.tested")  # entries about a webhook that stays as it is
GONE = "(what you kept is gone)"  # of a client certificate


@dataclass(frozen=True)
class Difference:
    label: str
    stored: str
    sent: str


def differences(webhook: Webhook, form: WebhookForm) -> list[Difference]:
    """Return the fields whose sent value differs from the stored one."""
    before = fields_of(webhook)
    stored, sent = shown(before), shown(sealed(_sealable(form.columns, webhook), webhook), before)
    return [
        Difference(label_of(name), _text(stored[name]), _text(sent.get(name, GONE)))
        for name in FIELDS
        if stored[name] != sent.get(name, GONE)
    ]


def _sealable(columns: dict[str, Any], webhook: Webhook) -> dict[str, Any]:
    """Return the columns without the wish to keep a secret that somebody has removed meanwhile."""
    stored = {header["name"].lower() for header in webhook.headers}
    headers = [
        header._replace(value="") if header.value == MASK and header.name.lower() not in stored else header
        for header in columns["headers"]
    ]
    auth = columns["auth"]
    if auth and auth.secret == MASK and not is_alike(auth, webhook.auth):
        auth = replace(auth, secret="")
    sealable = columns | {"headers": headers, "auth": auth}
    if wrong_pair(columns["client_certificate"], webhook.client_certificate):
        del sealable["client_certificate"]
    return sealable


def last_change(webhook: Webhook) -> AuditEntry | None:
    """Return the newest audit entry of the webhook that increased its version."""
    return db.session.scalar(
        select(AuditEntry)
        .filter_by(object_type="webhook", object_id=webhook.id)
        .where(AuditEntry.action.not_in(NO_CHANGES))
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
