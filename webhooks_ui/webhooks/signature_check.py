"""Why a signature is invalid: each step of the verification with its verdict.

Source of the steps: Standard Webhooks, "Verifying webhooks".
"""

import base64
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from webhooks_ui.models import secret_box
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.signed_request import NAMES, Given, Sent, changes_of, differences

TOLERANCE_SECONDS = 300
_MAY_BE_REPLACED = "The secret may belong to another webhook, or was replaced meanwhile."


class Known(NamedTuple):
    """What the product knows, so that it doesn't have to guess."""

    sent: Sequence[Sent] = ()  # the attempts that sent this event to the webhook, the newest first
    secrets: Sequence[str] = ()  # that the webhook signs with, the present one first


NOTHING = Known()


def check(given: Given, secret: str, now: datetime, known: Known = NOTHING) -> list[Check]:
    """Return the steps of the verification.

    Args:
        secret: as a webhook shows it.
    """
    if missing := [name for name in NAMES if not given.headers.get(name)]:
        return [_missing(missing)]
    steps = [Check(Verdict.FINE, "The headers are there", ", ".join(NAMES))]
    key, wrong = _key(secret)
    if key is None:
        steps.append(Check(Verdict.PROBLEM, "The secret has the wrong form", wrong))
    else:
        steps.append(Check(Verdict.FINE, "The secret has the right form", "whsec_ and base64, which is decoded."))
    steps.append(_timestamp(given.headers["webhook-timestamp"], now))
    if key is not None:
        steps += _signature(given, key, known)
    if known.secrets and secret not in known.secrets and not holds(given, secret):
        steps.append(_another_secret(given, known.secrets))
    return steps


def holds(given: Given, secret: str) -> bool:
    """Return True if the body is the one that was signed with ``secret``, whenever that was."""
    key, _ = _key(secret)
    if key is None or not all(given.headers.get(name) for name in NAMES):
        return False
    return _sign(key, _prefix(given) + given.body) in _signatures(given)


def _missing(names: Sequence[str]) -> Check:
    title = "Headers are missing"
    if len(names) == len(NAMES):
        found = f"None of {', '.join(NAMES)} is there. Paste all headers of the request, a line each."
        return Check(Verdict.PROBLEM, title, found)
    is_, it = ("is", "it") if len(names) == 1 else ("are", "them")
    return Check(Verdict.PROBLEM, title, f"{' and '.join(names)} {is_} missing. A proxy may have removed {it}.")


def _key(secret: str) -> tuple[bytes | None, str]:
    try:
        return secret_box.key_bytes(secret), ""
    except ValueError as error:
        return None, f"{error}. Copy the whole secret from the page of the webhook."


def _timestamp(text: str, now: datetime) -> Check:
    at = _time(text)
    if at is None:
        return Check(Verdict.PROBLEM, "The timestamp is not a time", f"{text[:40]!r} is no Unix time in seconds.")
    age = (now - at).total_seconds()
    if abs(age) <= TOLERANCE_SECONDS:
        return Check(Verdict.FINE, "The timestamp is recent", ("The request was signed ", at, "."))
    hint = "Receivers refuse more than 5 minutes. That is right for an old request. Else check the receiver's clock."
    return Check(Verdict.NOTE, "The timestamp is not recent", ("The request was signed ", at, f". {hint}"))


def _time(text: str) -> datetime | None:
    if not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _signature(given: Given, key: bytes, known: Known) -> Iterator[Check]:
    wanted = _signatures(given)
    if not wanted:
        found = 'webhook-signature has no part that begins with "v1,".'
        told = differences(given, known.sent) if known.sent else ""
        yield Check(Verdict.PROBLEM, "There is no signature of version 1", f"{found} {told}".strip())
        return
    prefix = _prefix(given)
    if _sign(key, prefix + given.body) in wanted:
        found = f"These are the bytes that were signed: id, timestamp and {len(given.body):,} bytes."
        yield Check(Verdict.FINE, "The signature fits", found)
    else:
        changes = (change for change, body in changes_of(given.body) if _sign(key, prefix + body) in wanted)
        change = next(changes, "")
        found = f"{change} Verify the raw bytes of the request, before any parsing." if change else _why(given, known)
        yield Check(Verdict.PROBLEM, "The signature doesn't fit", found)
    if given.computed:
        yield _computed(given, key, prefix, wanted)


def _why(given: Given, known: Known) -> str:
    """Return why the signature doesn't fit, from what is known."""
    holding = [place for place, secret in enumerate(known.secrets) if holds(given, secret)]
    if holding:
        present = "It was signed with the secret that is stored here, and not with this one."
        older = "It was signed with an older secret of the webhook, before the present one was there."
        return older if holding[0] else present
    if not known.sent:
        found = "Neither this body nor a common change of it was signed with this secret."
        unknown = "The log has no attempt of this webhook with this webhook-id, so they can't be compared."
        return f"{found} {unknown} {_MAY_BE_REPLACED}"
    told = differences(given, known.sent)
    return told or f"The headers and the body are as they were sent, so another secret signed them. {_MAY_BE_REPLACED}"


def _another_secret(given: Given, secrets: Sequence[str]) -> Check:
    """Return what the stored secrets say about a typed one that doesn't fit and isn't among them. They aren't shown."""
    title = "The typed secret is not the stored one"
    if any(holds(given, secret) for secret in secrets):
        found = "The stored secret fits. Copy it from the page of the webhook to your endpoint."
        return Check(Verdict.PROBLEM, title, found)
    return Check(Verdict.NOTE, title, "The webhook signs with another secret at present.")


def _signatures(given: Given) -> list[str]:
    """Return the signatures of version 1 in the header. There is one for each secret that signs."""
    parts = given.headers.get(NAMES[2], "").split()
    return [part.partition(",")[2] for part in parts if part.startswith("v1,")]


def _computed(given: Given, key: bytes, prefix: bytes, wanted: Sequence[str]) -> Check:
    """Return how the receiver came to another signature, if it made a common mistake."""
    computed = given.computed.removeprefix("v1,").strip()
    if computed in wanted:
        return Check(Verdict.FINE, "Your signature is right", "It is the one in the header.")
    encoded = base64.b64encode(key)
    body, signed = given.body, prefix + given.body
    mistakes = {
        "The secret was used as text. Decode the base64 that follows whsec_.": _sign(
            secret_box.PREFIX.encode() + encoded, signed
        ),
        "The secret was used without decoding its base64.": _sign(encoded, signed),
        "Only the body was signed. Sign id, timestamp and body, with dots between them.": _sign(key, body),
        "The result is hexadecimal. Write it in base64.": hmac.digest(key, signed, "sha256").hex(),
    }
    found = next((mistake for mistake, signature in mistakes.items() if signature == computed), "")
    found = found or "It is none that follows from these bytes and this secret."
    return Check(Verdict.PROBLEM, "Your signature is wrong", found)


def _prefix(given: Given) -> bytes:
    """Return what is signed before the body."""
    return f"{given.headers[NAMES[0]]}.{given.headers[NAMES[1]]}.".encode()


def _sign(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
