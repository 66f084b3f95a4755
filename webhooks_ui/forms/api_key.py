"""The form that creates an API key."""

from wtforms import Field, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from webhooks_ui.forms import Form, WholeNumberField
from webhooks_ui.models import Environment
from webhooks_ui.models.api_key import NAME_MAX_CHARACTERS, RATE_PER_MINUTE_DEFAULT, RATE_PER_MINUTE_MAX


def _printable(form: Form, field: Field) -> None:
    if not (field.data or "").isprintable():
        raise ValidationError("The name can't contain control characters. Remove them.")


class ApiKeyForm(Form):
    name = StringField(
        "Name",
        [
            DataRequired("Give the key a name, such as the program that will use it."),
            Length(max=NAME_MAX_CHARACTERS, message=f"The name can have at most {NAME_MAX_CHARACTERS} characters."),
            _printable,
        ],
        filters=[lambda value: (value or "").strip()],
    )
    environment = SelectField(
        "Environment", choices=[SelectChoice(name, name.capitalize()) for name in Environment], validate_choice=False
    )
    rate_per_minute = WholeNumberField(
        "Requests per minute",
        1,
        RATE_PER_MINUTE_MAX,
        f"Enter a whole number from 1 to {RATE_PER_MINUTE_MAX:,}.",
        default=RATE_PER_MINUTE_DEFAULT,
    )

    def validate_environment(self, field: Field) -> None:
        if field.data not in tuple(Environment):
            raise ValidationError("Choose production, staging or development.")
