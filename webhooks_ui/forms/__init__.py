"""What every form of the pages shares, and the sign-in."""

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length


class Form(FlaskForm):  # type: ignore[misc]
    """A form whose CSRF token is checked for all requests in one place (extensions.csrf)."""

    class Meta:
        csrf = False

    @property
    def first_wrong(self) -> str | None:
        """The name of the first field with an error: the one to put the cursor into."""
        return next(iter(self.errors), None)


class LoginForm(Form):
    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1_000)])
