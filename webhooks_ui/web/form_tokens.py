"""Form tokens: a form that is sent twice, by a double click without JavaScript, does its work once.

The form has a hidden field with a random token. The first request stores it, together with what was typed, in the
transaction that does the work. The second one waits for that, and is sent where the first one was. Who goes back to the
form and types something else sends another form, although browsers show the same page again, with the same token.
"""

import hashlib
import json
import secrets
from datetime import timedelta

from flask import flash, request
from markupsafe import Markup
from sqlalchemy import insert, select, update

from webhooks_ui.database import db, dialect
from webhooks_ui.models import FormToken, secret_box, utcnow
from webhooks_ui.models.form_token import TOKEN_MAX_CHARACTERS

FIELD = "form_token"
SEALED_FOR = timedelta(minutes=5)
_TOKEN_BYTES = 16


def new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def field() -> Markup:
    """Return the hidden field of a form that must work once."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, new_token())


def token() -> str:
    """Return the token of the form that was sent, with what was typed, or an empty text for a form without one."""
    if not request.form.get(FIELD):
        return ""
    sent = json.dumps(sorted(request.form.items(multi=True)))
    return hashlib.sha256(sent.encode()).hexdigest()


def begin() -> str | None:
    """Claim the token of the form that was sent. Return where to go if the form was sent before.

    The session owns the transaction, and ``finish`` must follow in it.
    """
    own = token()
    if not own:
        return None
    connection = db.session.connection()
    row = {"token": own, "address": "", "created_at": utcnow()}
    claim = dialect(connection).insert(FormToken.__table__).values(row).on_conflict_do_nothing()
    if connection.execute(claim.returning(FormToken.token)).first():
        return None
    address = connection.scalar(select(FormToken.address).where(FormToken.token == own))
    if address:
        flash("The form was sent twice, and took effect once.")
    return address


def finish(address: str) -> None:
    """Keep where the browser is sent now that the form's work is done."""
    if own := token():
        db.session.connection().execute(update(FormToken).where(FormToken.token == own).values(address=address))


def seal(handle: str, text: str) -> None:
    """Keep a secret for the page that the browser is sent to, for some minutes.

    Args:
        handle: the form's token, or a new one for a form that had none.
    """
    if token():
        values = {"sealed": secret_box.encrypt(text)}
        db.session.connection().execute(update(FormToken).where(FormToken.token == handle).values(values))
    else:
        seal_apart(handle, text)


def seal_apart(handle: str, text: str) -> None:
    """Keep a secret under a new handle, also if the form that was sent has a token."""
    row = {"token": handle, "address": "", "sealed": secret_box.encrypt(text), "created_at": utcnow()}
    db.session.connection().execute(insert(FormToken).values(row))


def unseal(handle: str) -> str | None:
    """Return what was kept under ``handle``, or ``None`` if there is nothing, or its time is over."""
    now = utcnow()
    is_fresh = FormToken.created_at.between(now - SEALED_FOR, now + SEALED_FOR)
    sealed = db.session.scalar(
        select(FormToken.sealed).where(FormToken.token == handle[:TOKEN_MAX_CHARACTERS], is_fresh)
    )
    return secret_box.decrypt(sealed) if sealed and secret_box.is_readable(sealed) else None
