"""Signs what browsers keep, and takes it back for a while."""

from datetime import UTC, datetime
from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner


class Signer(TimestampSigner):
    """Takes also what a clock that is ahead has signed, as that of another web server, or the own one from before."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """Return what was signed. It may be ``max_age`` seconds old, or as far in the future.

        Raises:
            itsdangerous.BadSignature: it was signed with another key, or at another time.
        """
        value, at = super().unsign(signed_value, return_timestamp=True)
        if max_age is not None and abs((datetime.now(UTC) - at).total_seconds()) > max_age:
            raise SignatureExpired("signed too long ago", payload=value, date_signed=at)
        return (value, at) if return_timestamp else value
