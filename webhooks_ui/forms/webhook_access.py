"""The fields that say how a webhook's requests authenticate: credentials, OAuth and a client certificate."""

from typing import Any

from flask import current_app
from wtforms import Field, PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import PasswordInput

from webhooks_ui.forms import Form
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.client_certificates import Pair, wrong_pair
from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.oauth import ClientAuthentication, Grant, wrong_client, wrong_grant
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, wrong_secret
from webhooks_ui.webhooks.targets import check_url

GRANT = ("scope", "audience", "resource")


class AccessFields(Form):
    # Those that the preview checks, too. It doesn't look up the host of the token URL.
    ACCESS_CHECKED = (
        *("auth_kind", "auth_username", "auth_secret", "oauth_scope", "oauth_audience", "oauth_resource"),
        *("oauth_method", "client_certificate", "client_key"),
    )

    auth_kind = SelectField(
        "Authentication",
        choices=[
            SelectChoice("", "None"),
            SelectChoice(AuthKind.BASIC, "Basic: user name and password"),
            SelectChoice(AuthKind.BEARER, "Bearer token"),
            SelectChoice(AuthKind.OAUTH, "OAuth: a token by client credentials"),
        ],
        default="",
        validate_choice=False,
    )
    auth_username = StringField("User or client id")
    # What was typed stays in the form. A stored secret is never in it.
    auth_secret = PasswordField("Password, token or client secret", widget=PasswordInput(hide_value=False))
    oauth_token_url = StringField("Token URL")
    oauth_scope = StringField("Scope")
    oauth_audience = StringField("Audience")
    oauth_resource = StringField("Resource")
    oauth_method = SelectField(
        "How the client authenticates",
        choices=[
            SelectChoice(ClientAuthentication.BASIC, "Header: Basic"),
            SelectChoice(ClientAuthentication.BODY, "Fields of the body"),
        ],
        default=ClientAuthentication.BASIC,
        validate_choice=False,
    )
    client_certificate = TextAreaField("Client certificate")
    client_key = TextAreaField("Its private key")

    def __init__(self, *args: Any, stored: Webhook | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_auth = stored.auth if stored else None
        self.stored_certificate = stored.client_certificate if stored else None

    def validate_auth_kind(self, field: Field) -> None:
        if field.data not in ("", *AuthKind):
            raise ValidationError(f"The authentication must be {', '.join(AuthKind)}, or empty.")
        typed = (self.auth_username, self.auth_secret)
        if not field.data and any(map(is_typed, typed)):
            raise ValidationError("Choose Basic, Bearer or OAuth, or empty the user name and the password.")
        if field.data != AuthKind.OAUTH and any(is_typed(self[f"oauth_{name}"]) for name in ("token_url", *GRANT)):
            raise ValidationError("Choose OAuth, or empty the token URL and the fields after it.")

    def validate_auth_username(self, field: Field) -> None:
        if self.auth and self.auth.grant and (wrong := wrong_client(self.auth.username)):
            raise ValidationError(wrong)

    def validate_auth_secret(self, field: Field) -> None:
        if self.auth and (wrong := wrong_secret(self.auth, self.stored_auth)):
            raise ValidationError(wrong)

    def validate_oauth_token_url(self, field: Field) -> None:
        self._check_grant("token_url")
        if self.auth and self.auth.grant:
            try:
                field.data = check_url(self.auth.grant.token_url, current_app.config["ALLOWED_TARGETS"])
            except TargetError as error:
                raise ValidationError(str(error)) from None

    def validate_oauth_scope(self, field: Field) -> None:
        self._check_grant("scope")

    def validate_oauth_audience(self, field: Field) -> None:
        self._check_grant("audience")

    def validate_oauth_resource(self, field: Field) -> None:
        self._check_grant("resource")

    def validate_oauth_method(self, field: Field) -> None:
        self._check_grant("method")

    def validate_client_certificate(self, field: Field) -> None:
        self._check_pair("certificate")

    def validate_client_key(self, field: Field) -> None:
        self._check_pair("key")

    def _check_grant(self, name: str) -> None:
        if self.auth and self.auth.grant and (wrong := wrong_grant(self.auth.grant).get(name)):
            raise ValidationError(wrong)

    def _check_pair(self, name: str) -> None:
        if wrong := wrong_pair(self.pair, self.stored_certificate).get(name):
            raise ValidationError(wrong)

    @property
    def auth(self) -> Auth | None:
        """How requests authenticate, or ``None``. An empty secret keeps the stored one, if there is one."""
        if self.auth_kind.data not in tuple(AuthKind):
            return None
        kind = AuthKind(self.auth_kind.data)
        username = "" if kind is AuthKind.BEARER else _text(self.auth_username)
        grant = None
        if kind is AuthKind.OAUTH:
            texts = {name: _text(self[f"oauth_{name}"]) for name in ("token_url", *GRANT)}
            grant = Grant(**texts, method=self.oauth_method.data or ClientAuthentication.BASIC)
        return Auth(kind, username, self.auth_secret.data or (MASK if self.stored_auth else ""), grant)

    @property
    def pair(self) -> Pair | None:
        """The client certificate and its key, or ``None`` if both fields are empty."""
        pair = Pair(_text(self.client_certificate), _text(self.client_key))
        return pair if any(pair) else None


def is_typed(field: Field) -> bool:
    """Return True if somebody typed something into a text field that was empty or different before."""
    return bool((field.data or "").split()) and (field.data or "").split() != (field.object_data or "").split()


def access_values(webhook: Webhook) -> dict[str, Any]:
    """Return what the fields show of a webhook."""
    auth = webhook.auth or {}
    stored = MASK if webhook.client_certificate else ""
    grant = {f"oauth_{name}": auth.get(name, "") for name in ("token_url", *GRANT)}
    return grant | {
        "auth_kind": auth.get("kind", ""),
        "auth_username": auth.get("username", ""),
        "oauth_method": auth.get("method", ClientAuthentication.BASIC),
        "client_certificate": stored,
        "client_key": stored,
    }


def _text(field: Field) -> str:
    return (field.data or "").strip()
