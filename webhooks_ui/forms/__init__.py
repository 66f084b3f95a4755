"""The base of all forms, a field that several use, and the form to sign in with."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, IntegerField, PasswordField
from wtforms.validators import InputRequired, Length, NumberRange, StopValidation


class Form(FlaskForm):  # type: ignore[misc]
    """A form without a CSRF field of its own: ``extensions.csrf`` checks the token of every request."""

    class Meta:
        csrf = False

    @property
    def first_wrong(self) -> str | None:
        """Return the name of the first field with an error, which gets the cursor. Return None if there is no error."""
        return next(iter(self.errors), None)


class WholeNumberField(IntegerField):  # type: ignore[misc]
    """A whole number from ``least`` to ``most``. Anything else gets ``message``, once."""

    def __init__(self, label: str, least: int, most: int, message: str, **options: Any) -> None:
        super().__init__(label, [InputRequired(message), NumberRange(least, most, message)], **options)
        self.message = message

    def process_formdata(self, values: list[str]) -> None:
        try:
            super().process_formdata(values)
        except ValueError:
            raise ValueError(self.message) from None

    def pre_validate(self, form: object) -> None:
        """Skip the validators if the input was no number, because they would repeat the message."""
        if self.process_errors:
            raise StopValidation


class LoginForm(Form):
    email = EmailField("Email address", [InputRequired("Enter your email address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=1_000)])
