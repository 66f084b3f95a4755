"""Check secrets: mark the webhooks whose secret can't be decrypted, so that pages, mail and readiness can tell."""

from webhooks_ui.webhooks import unreadable

CHECK_SECRETS_SECONDS = 10  # between the runs


def check_secrets() -> None:
    unreadable.mark()
