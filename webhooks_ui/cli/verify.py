"""Verify: the receiver's side of Standard Webhooks."""

from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class NotVerified(Exception):
    """A delivery that must not be trusted; the message says why."""


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Check the signature of ``body``: one of those in ``webhook-signature`` fits, and it is under 5 minutes old.

    Raises:
        NotVerified: with the reason.
    """
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError as error:
        raise NotVerified(str(error)) from error
    except ValueError as error:  # the library trusts the form of the header and the body's encoding
        raise NotVerified("Malformed signature header, or a body that is not UTF-8") from error
