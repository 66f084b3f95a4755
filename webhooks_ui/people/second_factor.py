"""The second factor: a code of an authenticator app, or a recovery code. Passkeys are in ``passkeys``.

After ten wrong codes in a row, no code is accepted for 15 minutes. The count is in the database, and changes in the
transaction that checks the code, so that it holds for parallel requests and without Redis.
"""

from datetime import timedelta
from enum import StrEnum

from webhooks_ui import audit
from webhooks_ui.models import Passkey, User, get_settings, utcnow
from webhooks_ui.models.setting import SECOND_FACTOR_RULE
from webhooks_ui.models.types import is_recent
from webhooks_ui.people import recovery_codes, totp
from webhooks_ui.people.accounts import Refused

WRONG_CODES_MAX = 10
PAUSE = timedelta(minutes=15)


class Factor(StrEnum):
    """What was shown beside the password."""

    AUTHENTICATOR = "authenticator app"
    RECOVERY_CODE = "recovery code"
    PASSKEY = "passkey"
    PROVIDER = "provider"  # of single sign-on, which says that it asked for a second factor


def enable_authenticator(user: User, code: str) -> bool:
    """Enable the app that is being set up. Return False if ``code`` is wrong, or no code is accepted at present.

    A right code forgets no wrong ones. Who got hold of an open browser can set up any app, and would have as many tries
    for the present password as they like.
    """
    if is_paused(user):
        return False
    if not totp.enable(user, "".join(code.split())):
        note_wrong(user)
        return False
    audit.record("user.authenticator_enabled", "user", user.id, user.email)
    return True


def remove_authenticator(user: User) -> None:
    """Forget the authenticator app.

    Raises:
        Refused: The role requires a second factor, and there is no other one.
    """
    if user.has_totp:
        _keep_one(user, bool(user.passkeys))
        audit.record("user.authenticator_removed", "user", user.id, user.email)
    totp.disable(user)
    _clear_codes_of_nothing(user)


def remove_passkey(user: User, passkey: Passkey) -> None:
    """Forget a passkey of ``user``.

    Raises:
        Refused: It is the only way to sign in, or the only second factor, which the role requires.
    """
    rest = [other for other in user.passkeys if other is not passkey]
    if user.password_hash is None and not user.is_linked and not any(other.verifies for other in rest):
        raise Refused("This passkey is your only way to sign in. Set a password first, or add another passkey.")
    _keep_one(user, user.has_totp or bool(rest))
    user.passkeys.remove(passkey)
    audit.record("user.passkey_removed", "user", user.id, user.email, before={"passkey": passkey.name})
    _clear_codes_of_nothing(user)


def _keep_one(user: User, is_another: bool) -> None:
    if not is_another and is_required(user.role):
        raise Refused("Your role requires a second factor. Set up another one before you remove this one.")


def _clear_codes_of_nothing(user: User) -> None:
    """Remove the recovery codes if there is no second factor that they could replace."""
    if not user.has_second_factor:
        recovery_codes.clear(user)


def accept(user: User, code: str) -> Factor | None:
    """Return what ``code`` is, or ``None`` if it is wrong or no code is accepted at present.

    The caller has locked the row of ``user``, and commits.
    """
    if is_paused(user):
        return None
    code = "".join(code.split())
    if user.has_totp and totp.accept(user, code):
        user.wrong_codes = 0
        return Factor.AUTHENTICATOR
    if recovery_codes.accept(user, code):
        user.wrong_codes = 0
        audit.record("user.recovery_code_used", "user", user.id, user.email)
        return Factor.RECOVERY_CODE
    note_wrong(user)
    return None


def note_wrong(user: User) -> None:
    """Count a wrong code, or a wrong password of somebody who has signed in already.

    Don't call it while ``is_paused``, because the count would begin anew and end the pause.
    """
    user.wrong_codes = 1 if user.wrong_codes >= WRONG_CODES_MAX else user.wrong_codes + 1
    user.wrong_code_at = utcnow()


def is_paused(user: User) -> bool:
    """Return True while no code is accepted, after too many wrong ones."""
    at = user.wrong_code_at
    return user.wrong_codes >= WRONG_CODES_MAX and at is not None and is_recent(at.timestamp(), PAUSE)


def is_required(role: str) -> bool:
    """Return True if a super admin requires a second factor of this role."""
    return role in get_settings()[SECOND_FACTOR_RULE]
