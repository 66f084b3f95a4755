"""Passkeys (WebAuthn Level 2): made, and asked to sign a challenge. The caller owns the transaction.

A passkey that verified the person, by a fingerprint or a PIN, is a sign-in of two factors by itself. Any other one is a
second factor beside the password.
"""

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from sqlalchemy import select

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.lazy import Lazy
from webhooks_ui.models import Passkey, User, utcnow
from webhooks_ui.models.passkey import NAME_MAX_CHARACTERS
from webhooks_ui.people import tokens

if TYPE_CHECKING:
    import webauthn
    from webauthn import helpers
    from webauthn.helpers import structs
else:  # they take 5 MiB, and many portals have no passkeys
    webauthn, helpers, structs = Lazy("webauthn"), Lazy("webauthn.helpers"), Lazy("webauthn.helpers.structs")

CHALLENGE_FOR = timedelta(minutes=5)
PASSKEYS_MAX = 20  # of a person
RP_NAME = "KeyManager"
CREDENTIAL_ID = re.compile(r"[A-Za-z0-9_-]{1,1400}")  # URL-safe base64 of up to 1,023 bytes


class Invalid(Exception):
    """An answer that doesn't show that a passkey signed our challenge. The message is for the log."""


@dataclass(frozen=True)
class Site:
    """The site that passkeys are bound to (the relying party)."""

    id: str  # the host name
    origin: str  # where the pages that may use them are


def site(public_url: str) -> Site | None:
    """Return the site of the portal's address, or ``None`` if browsers allow no passkeys there.

    They need https and a name. Only this machine may do without https, under the name ``localhost``.
    """
    parts = urlsplit(public_url)
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    try:
        is_local, is_name = ipaddress.ip_address(host).is_loopback, False
    except ValueError:
        is_local, is_name = host == "localhost", True
    if is_local:
        return Site("localhost", f"{parts.scheme}://localhost{port}")
    return Site(host, f"https://{host}{port}") if is_name and parts.scheme == "https" else None


def options_to_create(at: Site, user: User, *, alone: bool = False) -> tuple[str, str]:
    """Return what the browser needs to make a passkey, as JSON, and the challenge in it.

    Args:
        alone: whether the passkey is to be the only factor. The device must then check who uses it.
    """
    how = (structs.ResidentKeyRequirement.REQUIRED, structs.UserVerificationRequirement.REQUIRED)
    if not alone:
        how = (structs.ResidentKeyRequirement.PREFERRED, structs.UserVerificationRequirement.PREFERRED)
    if user.passkey_handle is None:
        user.passkey_handle = helpers.bytes_to_base64url(helpers.generate_user_handle()[:32])
    challenge = helpers.generate_challenge()
    options = webauthn.generate_registration_options(
        rp_id=at.id,
        rp_name=RP_NAME,
        user_id=helpers.base64url_to_bytes(user.passkey_handle),
        user_name=user.email,
        user_display_name=user.shown_name,
        challenge=challenge,
        exclude_credentials=_descriptors(user.passkeys),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(resident_key=how[0], user_verification=how[1]),
    )
    return webauthn.options_to_json(options), helpers.bytes_to_base64url(challenge)


def add(at: Site, user: User, answer: str, challenge: str, name: str, *, alone: bool = False) -> Passkey:
    """Store the passkey that the browser made. ``options_to_create`` describes the arguments.

    Raises:
        Invalid: The answer doesn't fit, was sent before, or the passkey exists already.
    """
    made = _checked(
        webauthn.verify_registration_response,
        challenge,
        credential=_parsed(answer),
        expected_challenge=helpers.base64url_to_bytes(challenge),
        expected_rp_id=at.id,
        expected_origin=at.origin,
        require_user_verification=alone,
    )
    credential_id = helpers.bytes_to_base64url(made.credential_id)
    if len(user.passkeys) >= PASSKEYS_MAX:
        raise Invalid("The person has too many passkeys.")
    if db.session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)):
        raise Invalid("The passkey exists already.")
    passkey = Passkey(
        name=name[:NAME_MAX_CHARACTERS] or "Passkey",
        credential_id=credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        verifies=made.user_verified,
        transports=_transports(_parsed(answer)),
    )
    user.passkeys.append(passkey)
    db.session.flush()
    audit.record("user.passkey_added", "user", user.id, user.email, after={"passkey": passkey.name})
    return passkey


def options_to_use(at: Site, user: User | None) -> tuple[str, str]:
    """Return what the browser needs to sign with a passkey, as JSON, and the challenge in it.

    Args:
        user: whose passkeys may be used. ``None`` lets the browser offer those that it knows.
    """
    challenge = helpers.generate_challenge()
    verification = (
        structs.UserVerificationRequirement.PREFERRED if user else structs.UserVerificationRequirement.REQUIRED
    )
    options = webauthn.generate_authentication_options(
        rp_id=at.id,
        challenge=challenge,
        allow_credentials=_descriptors(user.passkeys) if user else None,
        user_verification=verification,
    )
    return webauthn.options_to_json(options), helpers.bytes_to_base64url(challenge)


def use(at: Site, answer: str, challenge: str, user: User | None) -> User:
    """Return whose passkey signed ``challenge``. The row of that user is locked.

    Args:
        user: who has shown a password already. ``None`` if the passkey is the only factor, which must then have
            verified the person.

    Raises:
        Invalid: The answer doesn't fit, was sent before, or the passkey is unknown.
    """
    given = _parsed(answer)
    passkey = db.session.scalar(select(Passkey).where(Passkey.credential_id == given.get("id")).with_for_update())
    if passkey is None or (user and passkey.user_id != user.id):
        raise Invalid("The passkey is unknown.")
    shown = _checked(
        webauthn.verify_authentication_response,
        challenge,
        credential=given,
        expected_challenge=helpers.base64url_to_bytes(challenge),
        expected_rp_id=at.id,
        expected_origin=at.origin,
        credential_public_key=passkey.public_key,
        credential_current_sign_count=passkey.sign_count,
        require_user_verification=user is None,
    )
    passkey.sign_count, passkey.last_used_at = shown.new_sign_count, utcnow()
    passkey.verifies = passkey.verifies or shown.user_verified
    return db.session.get_one(User, passkey.user_id)


def _parsed(answer: str) -> dict[str, Any]:
    try:
        given = json.loads(answer)
    except (ValueError, RecursionError):
        raise Invalid("The answer of the browser is no JSON.") from None
    credential_id = given.get("id") if isinstance(given, dict) else None
    if not isinstance(credential_id, str) or not CREDENTIAL_ID.fullmatch(credential_id):
        raise Invalid("The answer of the browser has no id.")
    return cast("dict[str, Any]", given)


def _checked(verify: Any, challenge: str, **arguments: Any) -> Any:
    """Return what ``verify`` found out, and use the challenge up."""
    try:
        verified = verify(**arguments)
    except Exception as error:  # the library raises errors of many kinds for damaged answers
        raise Invalid(" ".join(str(error).split()) or type(error).__name__) from error
    if not tokens.use_challenge(challenge, CHALLENGE_FOR):
        raise Invalid("The challenge was answered before.")
    return verified


def _descriptors(passkeys: Iterable[Passkey]) -> "list[structs.PublicKeyCredentialDescriptor]":
    return [
        structs.PublicKeyCredentialDescriptor(
            id=helpers.base64url_to_bytes(passkey.credential_id),
            transports=[structs.AuthenticatorTransport(name) for name in passkey.transports],
        )
        for passkey in passkeys
    ]


def _transports(given: dict[str, Any]) -> list[str]:
    """Return the ways to reach the device that the browser named and that we know."""
    response = given.get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    known = {transport.value for transport in structs.AuthenticatorTransport}
    return [name for name in named if name in known] if isinstance(named, list) else []
