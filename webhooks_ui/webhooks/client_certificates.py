"""The client certificate that a webhook shows to its endpoint: kept encrypted, with what people may know of it.

Certificate and key are secrets: they are encrypted in the database, and pages, API and audit log show ``MASK`` instead.
Whoever sends ``MASK`` back keeps the stored one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from werkzeug.exceptions import Conflict

from webhooks_ui.models import Webhook, secret_box, utcnow
from webhooks_ui.models.webhook import ENDING_WITHIN, CertificateNotice
from webhooks_ui.webhooks.own_headers import MASK
from webhooks_ui.webhooks.pem import Certificate, WrongPem, check_key, check_pair, read_certificate

Stored = Mapping[str, Any]  # as ``Webhook.client_certificate`` holds it
_LOST = "The stored one can't be decrypted. Paste the certificate and the key again."


class Pair(NamedTuple):
    """A certificate, with those that vouch for it, and its key. Both are PEM or ``MASK``."""

    certificate: str
    key: str


def wrong_pair(pair: Pair | None, stored: Stored | None = None) -> dict[str, str]:
    """Return a sentence for ``certificate`` and ``key`` if they are wrong, by these names."""
    if pair is None:
        return {}
    wrong: dict[str, str] = {}
    for name, value, check in (("certificate", pair.certificate, read_certificate), ("key", pair.key, check_key)):
        if not value:
            wrong[name] = f"Paste the {name}, too. A certificate and its key belong together."
        elif value == MASK and not stored:
            wrong[name] = f"Paste the {name}. There is none yet that could be kept."
        elif value != MASK:
            try:
                check(value)
            except WrongPem as error:
                wrong[name] = str(error)
    if wrong or pair == (MASK, MASK):
        return wrong
    try:
        check_pair(*_resolved(pair, stored))
    except WrongPem as error:
        return {"key": str(error)}
    except secret_box.Undecryptable:
        return {"certificate" if pair.certificate == MASK else "key": _LOST}
    return {}


def seal_pair(pair: Pair | None, stored: Stored | None) -> dict[str, Any] | None:
    """Return the pair as ``Webhook.client_certificate`` holds it. What is ``MASK`` is that of ``stored``.

    Raises:
        werkzeug.exceptions.Conflict: ``stored`` doesn't fit any more, since somebody else changed the webhook.
    """
    if pair is None:
        return None
    if wrong_pair(pair, stored):
        raise Conflict("Somebody changed the client certificate meanwhile. Load the webhook again.")
    if stored and pair == (MASK, MASK):
        return dict(stored)
    opened = _resolved(pair, stored)
    known = read_certificate(opened.certificate)
    same_key = stored and pair.key == MASK
    return {
        "certificate_encrypted": secret_box.encrypt(opened.certificate),
        "key_encrypted": stored["key_encrypted"] if stored and same_key else secret_box.encrypt(opened.key),
        "subject": known.subject,
        "issuer": known.issuer,
        "starts_at": known.starts_at.isoformat(),
        "ends_at": known.ends_at.isoformat(),
        "is_for_clients": known.is_for_clients,
    }


def open_pair(stored: Stored | None) -> Pair | None:
    """Return the stored pair, decrypted.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted it.
    """
    if not stored:
        return None
    return Pair(secret_box.decrypt(stored["certificate_encrypted"]), secret_box.decrypt(stored["key_encrypted"]))


def known_of(stored: Stored | None) -> Certificate | None:
    """Return what people may know of a stored certificate."""
    if not stored:
        return None
    starts_at, ends_at = (datetime.fromisoformat(stored[name]) for name in ("starts_at", "ends_at"))
    return Certificate(stored["subject"], stored["issuer"], starts_at, ends_at, stored["is_for_clients"])


def warnings_of_certificate(webhook: Webhook) -> list[str]:
    """Return a sentence for each reason why the endpoint will probably refuse the certificate. It may be meant so."""
    known, now = known_of(webhook.client_certificate), utcnow()
    if known is None:
        return []
    found = []
    if known.ends_at <= now:
        found.append(f"The client certificate ended on {_day(known.ends_at)}, so that endpoints refuse it.")
    elif known.ends_at <= now + ENDING_WITHIN:
        found.append(f"The client certificate ends on {_day(known.ends_at)}.")
    if known.starts_at > now:
        found.append(f"The client certificate begins on {_day(known.starts_at)}. Endpoints refuse it before.")
    if not known.is_for_clients:
        found.append("The client certificate isn't made for clients: its extended key usage lacks clientAuth.")
    return found


def certificate_lines(stored: Stored | None) -> list[str]:
    """Return the subject, issuer and end of a certificate, a line each."""
    known = known_of(stored)
    if known is None:
        return []
    return [f"Subject: {known.subject}", f"Issuer: {known.issuer}", f"Ends: {known.ends_at:%Y-%m-%d %H:%M} UTC"]


def notice_of(webhook: Webhook) -> str:
    """Return the notice about the end of the certificate, in a sentence, or an empty text."""
    known = known_of(webhook.client_certificate)
    if known is None or webhook.certificate_notice is None:
        return ""
    if webhook.certificate_notice == CertificateNotice.ENDED:
        return f"The client certificate ended on {_day(known.ends_at)}. Paste a new one."
    return f"The client certificate ends on {_day(known.ends_at)}. Paste a new one before."


def _resolved(pair: Pair, stored: Stored | None) -> Pair:
    """Return the pair with what is kept of ``stored``."""
    kept = open_pair(stored) if MASK in pair else None
    if kept is None:
        return pair
    return Pair(
        kept.certificate if pair.certificate == MASK else pair.certificate, kept.key if pair.key == MASK else pair.key
    )


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
