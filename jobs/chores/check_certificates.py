"""Check certificates: mark the webhooks whose client certificate ends soon, so that pages and mail can tell."""

from webhooks_ui.webhooks import ending

CHECK_CERTIFICATES_SECONDS = 60  # between the runs


def check_certificates() -> None:
    ending.mark()
