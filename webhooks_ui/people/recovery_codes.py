"""Recovery codes: each works once in place of the second factor. The caller owns the transaction."""

import base64
import secrets
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import RecoveryCode, User, utcnow
from webhooks_ui.models.api_key import digest

COUNT = 10
BYTES = 10  # 80 bits, 16 letters and digits
GROUP_CHARACTERS = 4


def replace(user: User) -> list[str]:
    """Return new codes, such as ``k3x7-…``, which can't be read again later. The old ones no longer work."""
    clear(user)
    codes = [base64.b32encode(secrets.token_bytes(BYTES)).decode().lower() for _ in range(COUNT)]
    db.session.add_all(RecoveryCode(user_id=user.id, digest=digest(code)) for code in codes)
    audit.record("user.recovery_codes_made", "user", user.id, user.email)
    return [_grouped(code) for code in codes]


def clear(user: User) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def count_left(user: User) -> int:
    query = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return int(db.session.scalar(query) or 0)


def accept(user: User, code: str) -> bool:
    """Use ``code`` up. Return False if it isn't one of the codes that ``user`` has left."""
    mine = RecoveryCode.user_id == user.id, RecoveryCode.digest == digest(_plain(code))
    used = update(RecoveryCode).where(*mine, RecoveryCode.used_at.is_(None)).values(used_at=utcnow())
    return db.session.execute(used.returning(RecoveryCode.id)).first() is not None


def belong_to(user: User, codes: Sequence[str]) -> bool:
    """Return True if ``codes`` are the codes of ``user``."""
    digests = select(RecoveryCode.digest).where(RecoveryCode.user_id == user.id)
    return {digest(_plain(code)) for code in codes} == set(db.session.scalars(digests))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP_CHARACTERS] for start in range(0, len(code), GROUP_CHARACTERS))


def _plain(code: str) -> str:
    return code.lower().replace("-", "").replace(" ", "")
