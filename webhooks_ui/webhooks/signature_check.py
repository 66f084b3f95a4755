"""Why a signature is invalid: each step of the verification with its verdict.

Source of the steps: Standard Webhooks, "Verifying webhooks".
"""

import base64
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from webhooks_ui.models import secret_box
from webhooks_ui.webhooks.findings import Check, Verdict
from webhooks_ui.webhooks.signed_request import NAMES, Given, changes_of, difference

TOLERANCE_SECONDS = 300


def check(given: Given, secret: str, now: datetime, sent: bytes | None = None) -> list[Check]:
    """Return the steps of the verification.

    Args:
        secret: as a webhook shows it.
        sent: the body that was sent, if the delivery is known.
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
        steps += _signature(given, key, sent)
    return steps


def holds(given: Given, secret: str) -> bool:
    """Return True if the body is the one that was signed with ``secret``, whenever that was."""
    key, _ = _key(secret)
    if key is None or not all(given.headers.get(name) for name in NAMES):
        return False
    prefix = f"{given.headers['webhook-id']}.{given.headers['webhook-timestamp']}.".encode()
    return _sign(key, prefix + given.body) in _signatures(given)


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


def _signature(given: Given, key: bytes, sent: bytes | None) -> Iterator[Check]:
    wanted = _signatures(given)
    if not wanted:
        found = "webhook-signature has no part that begins with v1,"
        yield Check(Verdict.PROBLEM, "There is no signature of version 1", found)
        return
    prefix = f"{given.headers['webhook-id']}.{given.headers['webhook-timestamp']}.".encode()

    def fits(body: bytes) -> bool:
        return _sign(key, prefix + body) in wanted

    title = "The signature doesn't fit the body"
    if fits(given.body):
        found = f"These are the bytes that were signed: id, timestamp and {len(given.body):,} bytes."
        yield Check(Verdict.FINE, "The signature fits the body", found)
    elif change := next((name for name, body in changes_of(given.body) if fits(body)), ""):
        yield Check(Verdict.PROBLEM, title, f"{change} Verify the raw bytes of the request, before any parsing.")
    elif sent is not None and fits(sent):
        yield Check(Verdict.PROBLEM, title, difference(given.body, sent))
    else:
        found = "Neither this body nor a common change of it was signed with this secret."
        yield Check(
            Verdict.PROBLEM, title, f"{found} The secret may belong to another webhook, or was replaced meanwhile."
        )
    if given.computed:
        yield _computed(given, key, prefix, wanted)


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


def _sign(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
