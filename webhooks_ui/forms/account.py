"""The forms with which people change their own account."""

from collections.abc import Iterable
from typing import Any

from wtforms import Field, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from webhooks_ui.forms import Form, as_name
from webhooks_ui.models.passkey import NAME_MAX_CHARACTERS as PASSKEY_NAME_MAX_CHARACTERS
from webhooks_ui.models.user import NAME_MAX_CHARACTERS
from webhooks_ui.people.passwords import PASSWORD_MAX_CHARACTERS, problem_of

CODE_MAX_CHARACTERS = 40


def name_field() -> StringField:
    """Return the field for a person's name."""
    return StringField(
        "Name",
        [Length(max=NAME_MAX_CHARACTERS, message=f"The name can have at most {NAME_MAX_CHARACTERS} characters.")],
        filters=[as_name],
    )


class NameForm(Form):
    name = name_field()


class CodeForm(Form):
    code = StringField(
        "Code",
        [
            InputRequired("Enter the code that the app shows, or a recovery code."),
            Length(max=CODE_MAX_CHARACTERS, message="The code is too long. An app shows 6 digits."),
        ],
    )


class PasskeyForm(Form):
    name = StringField(
        "Name of the passkey",
        [
            Length(
                max=PASSKEY_NAME_MAX_CHARACTERS,
                message=f"The name can have at most {PASSKEY_NAME_MAX_CHARACTERS} characters.",
            )
        ],
        filters=[as_name],
    )


class NewPasswordForm(Form):
    """A new password, twice.

    Args:
        about: texts that are easy to guess for this person.
        asks_present: whether to ask for the present password, too.
    """

    present = PasswordField(
        "Present password",
        [InputRequired("Enter your present password."), Length(max=PASSWORD_MAX_CHARACTERS)],
    )
    password = PasswordField("New password", [InputRequired("Enter a password.")])
    repeated = PasswordField(
        "Repeat the new password",
        [InputRequired("Enter the password again."), EqualTo("password", "This is not the same password.")],
    )

    def __init__(self, *args: Any, about: Iterable[str] = (), asks_present: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.about = tuple(about)
        if not asks_present:
            del self.present

    def validate_password(self, field: Field) -> None:
        if problem := problem_of(field.data or "", self.about):
            raise ValidationError(problem)


class JoinForm(NewPasswordForm):
    """The name and the password of somebody who accepts an invitation."""

    name = name_field()
