"""The account of the person who is signed in."""

from webhooks_ui.views.account import authenticator, overview, passkeys, password, recovery_codes

BLUEPRINTS = tuple(part.blueprint for part in (overview, password, authenticator, passkeys, recovery_codes))
