"""The links that hold a one-time token. They begin with PUBLIC_URL, and never with what a request's Host says."""

from flask import current_app

from webhooks_ui.models import TokenPurpose

PATHS = {TokenPurpose.INVITATION: "/invitations", TokenPurpose.NEW_PASSWORD: "/new-passwords"}


def address_of(purpose: TokenPurpose, token: str) -> str:
    return f"{current_app.config['PUBLIC_URL']}{PATHS[purpose]}/{token}"
