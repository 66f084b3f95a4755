"""The form to sign in with."""

from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from webhooks_ui.forms import Form
from webhooks_ui.models.user import EMAIL_MAX_CHARACTERS
from webhooks_ui.people.passwords import PASSWORD_MAX_CHARACTERS


class LoginForm(Form):
    email = EmailField("Email address", [InputRequired("Enter your email address."), Length(max=EMAIL_MAX_CHARACTERS)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=PASSWORD_MAX_CHARACTERS)])
