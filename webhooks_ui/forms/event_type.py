"""The form that adds an event type to the catalogue, and edits it."""

import re
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.check import EVENT_MAX_BYTES
from webhooks_ui.events.operational import CATEGORY, PREFIXES
from webhooks_ui.events.schema import violations, wrong_schema
from webhooks_ui.forms import Form, stripped
from webhooks_ui.models import OwnEventType, SchemaCheck
from webhooks_ui.models.event_type import DESCRIPTION_MAX_CHARACTERS, NAME_MAX_CHARACTERS

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


def _without_mark(value: str | None) -> str:
    """Return the text without a byte order mark before it, which files of Windows have."""
    return (value or "").removeprefix("\N{BYTE ORDER MARK}").strip()


def texts_of(type: OwnEventType) -> dict[str, str]:
    """Return the stored values as the fields of the form hold them, but for the name, which stays."""
    return {
        "description": type.description,
        "example": catalogue.example_text(type.example),
        "schema": type.schema or "",
        "check": type.check,
    }


class EventTypeForm(Form):
    name = StringField("Name", [DataRequired("Give the type a name, such as invoice.paid.")], filters=[stripped])
    description = StringField(
        "Description",
        [
            DataRequired("Say in a sentence when it happens."),
            Length(max=DESCRIPTION_MAX_CHARACTERS, message=f"Use up to {DESCRIPTION_MAX_CHARACTERS} characters."),
        ],
        filters=[stripped],
    )
    example = TextAreaField("Example data", [DataRequired("Give an example of the data, a JSON object.")])
    schema = TextAreaField("JSON Schema", filters=[_without_mark])
    check = SelectField(
        "Check against the schema",
        choices=[SelectChoice(choice, choice.label) for choice in SchemaCheck],
        default=SchemaCheck.OFF,
        validate_choice=False,
    )

    def __init__(self, *args: Any, stored: OwnEventType | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored

    @classmethod
    def of(cls, type: OwnEventType, given: Mapping[str, str] | None = None) -> "EventTypeForm":
        """Make the form for ``type``. The fields that are ``given`` replace the stored values, but for the name."""
        form = cls(MultiDict(given) if given else None, stored=type, data=texts_of(type))
        form.name.data = type.name
        return form

    def validate_name(self, field: Field) -> None:
        if self.stored:
            return
        if len(field.data) > NAME_MAX_CHARACTERS or not NAME.fullmatch(field.data):
            raise ValidationError(
                f"Write the name like invoice.paid: a group, a dot and what happened, in up to {NAME_MAX_CHARACTERS} "
                "small letters, digits and underscores."
            )
        if field.data in catalogue.BUILT_IN:
            raise ValidationError(f"{field.data} is an event type of the portal. Choose another name.")
        if field.data.startswith((*PREFIXES, f"{CATEGORY}.")):
            groups = [prefix.removesuffix(".") for prefix in PREFIXES]
            raise ValidationError(
                f"The groups {', '.join(groups)} and {CATEGORY} are for operational events. Choose another."
            )

    def validate_description(self, field: Field) -> None:
        if not field.data.isprintable():
            raise ValidationError("The description can't contain line ends or other control characters. Remove them.")

    def validate_example(self, field: Field) -> None:
        try:
            read = strict_json.load_raw((field.data or "").encode("utf-8", "replace"))
        except strict_json.BrokenJson as error:
            raise ValidationError(str(error).replace("The body", "The example", 1)) from None
        if not isinstance(read.value, dict):
            raise ValidationError("The example is a JSON object.")
        if found := strict_json.unsendable(read):
            raise ValidationError(found[1])
        if len(read.text.encode()) > EVENT_MAX_BYTES:
            raise ValidationError(f"The example is too large. Use up to {EVENT_MAX_BYTES:,} bytes.")
        if (
            self.schema.data
            and not wrong_schema(self.schema.data)
            and (wrong := violations(self.schema.data, read.value))
        ):
            path, message = wrong[0]
            raise ValidationError(f"The example doesn't fit the schema. {path or 'data'}: {message}")

    def validate_schema(self, field: Field) -> None:
        if field.data and (wrong := wrong_schema(field.data)):
            raise ValidationError(wrong)

    def validate_check(self, field: Field) -> None:
        if field.data not in tuple(SchemaCheck):
            raise ValidationError(f"Choose {', '.join(SchemaCheck)}.")
        if field.data != SchemaCheck.OFF and not self.schema.data:
            raise ValidationError("Add a schema that the data can be checked against, or choose off.")

    @property
    def columns(self) -> dict[str, Any]:
        """Return the values of the columns, of a valid form."""
        return {
            "name": self.name.data,
            "description": self.description.data,
            "example": catalogue.example_text(self.example.data),
            "schema": self.schema.data or None,
            "check": self.check.data,
        }
