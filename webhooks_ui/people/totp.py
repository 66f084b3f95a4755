"""Authenticator apps: codes that change every 30 seconds (TOTP, RFC 6238)."""

import logging
from datetime import datetime

import pyotp
from markupsafe import Markup

from webhooks_ui.lazy import Lazy
from webhooks_ui.models import User, secret_box, utcnow

segno = Lazy("segno")  # few people set up an app

ISSUER = "KeyManager"
DIGITS = 6
STEP_SECONDS = 30
TOLERATED_STEPS = 1  # that the clock of a phone may be early or late

logger = logging.getLogger(__name__)


def set_up(user: User) -> None:
    """Give ``user`` a new secret. It counts once ``enable`` has seen a code."""
    user.totp_secret_encrypted = secret_box.encrypt(pyotp.random_base32())
    user.totp_enabled_at = user.totp_last_step = None


def enable(user: User, code: str) -> bool:
    """Enable the app if ``code`` shows that it is set up. Return False if it doesn't."""
    if not accept(user, code):
        return False
    user.totp_enabled_at = utcnow()
    return True


def disable(user: User) -> None:
    user.totp_secret_encrypted = user.totp_enabled_at = user.totp_last_step = None


def secret_of(user: User) -> str:
    """Return the secret, in base32.

    Raises:
        Undecryptable: None of ``ENCRYPTION_KEYS`` encrypted it.
    """
    return secret_box.decrypt(user.totp_secret_encrypted or "")


def accept(user: User, code: str) -> bool:
    """Return True if ``code`` is right now, and note it, because a code works once (RFC 6238, 5.2)."""
    if user.totp_secret_encrypted is None or len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return False
    try:
        app, now = pyotp.TOTP(secret_of(user)), _step(utcnow())
    except secret_box.Undecryptable:
        logger.error("None of ENCRYPTION_KEYS can decrypt the authenticator secret of user %d.", user.id)
        return False  # a recovery code or a passkey still works
    for step in range(now - TOLERATED_STEPS, now + TOLERATED_STEPS + 1):
        if step > (user.totp_last_step or 0) and pyotp.utils.strings_equal(app.generate_otp(step), code):
            user.totp_last_step = step
            return True
    return False


def qr_code(user: User) -> Markup:
    """Return an SVG that an authenticator app can scan."""
    uri = pyotp.TOTP(secret_of(user)).provisioning_uri(name=user.email, issuer_name=ISSUER)
    code = segno.make(uri, error="m")
    return Markup(code.svg_inline(scale=4, light="#fff", svgclass="qr-code", lineclass=None, omitsize=True))  # noqa: S704 (segno escapes)


def _step(at: datetime) -> int:
    return int(at.timestamp()) // STEP_SECONDS
