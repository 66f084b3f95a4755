"""The forms of an inspector: its name, and the answer that it gives."""

import unicodedata
from http import HTTPStatus
from typing import Any

from wtforms import Field, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from jobs.retry import RETRY_AFTER_MAX_SECONDS
from webhooks_ui.forms import Form, WholeNumberField, as_name
from webhooks_ui.models import Inspector
from webhooks_ui.models.inspector import ANSWER_BODY_MAX_CHARACTERS, NAME_MAX_CHARACTERS

DELAY_MAX_SECONDS = 15
CODES = {  # with what a webhook does about it
    200: "delivered",
    202: "delivered",
    204: "delivered",
    302: "fails, no redirect is followed",
    400: "fails",
    401: "fails",
    403: "fails",
    404: "fails",
    410: "the webhook becomes inactive",
    429: "the webhook waits",
    500: "fails",
    502: "fails",
    503: "fails, or waits with Retry-After",
    504: "fails",
}
WRONG_DELAY = f"The delay must be a whole number of seconds from 0 to {DELAY_MAX_SECONDS}."
WRONG_RETRY_AFTER = (
    f"Retry-After must be a whole number of seconds from 0 to {RETRY_AFTER_MAX_SECONDS:,}, or empty to leave it out."
)
_name_length = Length(max=NAME_MAX_CHARACTERS, message=f"The name can have at most {NAME_MAX_CHARACTERS} characters.")


class NewInspectorForm(Form):
    name = StringField("Name", [_name_length], filters=[as_name])


class InspectorForm(Form):
    name = StringField("Name", [DataRequired("Give the inspector a name."), _name_length], filters=[as_name])
    code = SelectField(
        "Status",
        choices=[SelectChoice(str(code), f"{code} {HTTPStatus(code).phrase}: {then}") for code, then in CODES.items()],
        validate_choice=False,
    )
    delay_seconds = WholeNumberField("Delay", 0, DELAY_MAX_SECONDS, WRONG_DELAY)
    retry_after_seconds = WholeNumberField("Retry-After", 0, RETRY_AFTER_MAX_SECONDS, WRONG_RETRY_AFTER, optional=True)
    body = TextAreaField(
        "Body",
        [
            Length(
                max=ANSWER_BODY_MAX_CHARACTERS,
                message=f"The body can have at most {ANSWER_BODY_MAX_CHARACTERS:,} characters.",
            )
        ],
    )

    @classmethod
    def of(cls, inspector: Inspector) -> "InspectorForm":
        """Make the form for ``inspector``. Fields of the request replace the stored values."""
        return cls(obj=inspector)

    def validate_code(self, field: Field) -> None:
        if field.data not in {str(code) for code in CODES}:
            raise ValidationError("Choose a status from the list.")

    def validate_body(self, field: Field) -> None:
        if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\r\n\t" for letter in field.data or ""):
            raise ValidationError("The body can't contain control characters. Remove them.")

    @property
    def columns(self) -> dict[str, Any]:
        """Return the values of the columns, as ``webhooks.inspectors`` takes them."""
        return {
            "name": self.name.data,
            "code": int(self.code.data),
            "delay_seconds": self.delay_seconds.data,
            "retry_after_seconds": self.retry_after_seconds.data,
            "body": (self.body.data or "").replace("\r\n", "\n"),  # forms send CRLF
        }
