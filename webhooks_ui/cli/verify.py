"""Verifies deliveries as a receiver does (Standard Webhooks)."""

from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class NotVerified(Exception):
    """The delivery must not be trusted. The message says why."""


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Check that a signature in ``webhook-signature`` matches ``body``, and that the timestamp is within 5 minutes.

    Raises:
        NotVerified: No signature matches, or the timestamp is too old or too new.
    """
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError as error:
        raise NotVerified(str(error)) from error
    except ValueError as error:  # the library checks neither the form of the header nor the encoding of the body
        raise NotVerified("The signature header is malformed, or the body is not UTF-8") from error
