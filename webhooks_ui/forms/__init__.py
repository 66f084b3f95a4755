"""The base of all forms, and the fields and the filters that several use."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, Optional, StopValidation, ValidationError

from webhooks_ui.models import Environment
from webhooks_ui.parsing import ID_MAX
from webhooks_ui.people.accounts import normal_name


class Form(FlaskForm):  # type: ignore[misc]
    """A form without a CSRF field of its own: ``extensions.csrf`` checks the token of every request."""

    class Meta:
        csrf = False

        def wrap_formdata(self, form: object, formdata: object) -> object:
            """Return what the form reads: ``formdata``, or else the fields of the request.

            Flask-WTF would also take files and JSON, which have other things than texts in them.
            """
            return formdata if formdata is None or isinstance(formdata, MultiDict) else request.form or None

    @property
    def first_wrong(self) -> str | None:
        """Return the name of the first field with an error, which gets the cursor. Return None if there is no error."""
        return next(iter(self.errors), None)


class WholeNumberField(IntegerField):  # type: ignore[misc]
    """A whole number from ``least`` to ``most``. Anything else gets ``message``, once.

    Args:
        optional: an empty field is ``None``, and no error.
    """

    def __init__(
        self, label: str, least: int, most: int, message: str, *, optional: bool = False, **options: Any
    ) -> None:
        required = Optional() if optional else InputRequired(message)
        super().__init__(label, [required, NumberRange(least, most, message)], **options)
        self.message = message
        self.optional = optional

    def process_formdata(self, values: list[str]) -> None:
        if self.optional and values and not values[-1].strip():
            self.data = None
            return
        try:
            super().process_formdata(values)
        except ValueError:
            raise ValueError(self.message) from None
        if self.data and abs(self.data) > ID_MAX:  # the validator can't compare any number
            self.data = None
            raise ValueError(self.message)

    def pre_validate(self, form: object) -> None:
        """Skip the validators if the input was no number, because they would repeat the message."""
        if self.process_errors:
            raise StopValidation


class EnvironmentField(SelectField):  # type: ignore[misc]
    """One of ``Environment``."""

    def __init__(self, **options: Any) -> None:
        choices = [SelectChoice(name, name.capitalize()) for name in Environment]
        super().__init__("Environment", choices=choices, **options)

    def pre_validate(self, form: object) -> None:
        if self.data not in tuple(Environment):
            raise ValidationError(f"Choose an environment: {', '.join(Environment)}.")


def stripped(text: str | None) -> str:
    """Return ``text`` without blanks around it."""
    return (text or "").strip()


def as_name(text: str | None) -> str:
    """Return ``text`` as the name of something, in one line."""
    return normal_name(text or "")
