"""The form that creates and edits a webhook."""

import unicodedata
from typing import Any

from flask import current_app
from wtforms import (
    Field,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    URLField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from webhooks_ui.events import catalogue
from webhooks_ui.events.formats import rate_after
from webhooks_ui.events.formats.services import misread, suggested_format
from webhooks_ui.forms import EnvironmentField, Form, WholeNumberField, stripped
from webhooks_ui.forms.webhook_access import is_typed
from webhooks_ui.forms.webhook_options import OptionFields, values_of, wrong_delays
from webhooks_ui.models import Webhook, WebhookFormat, secret_box
from webhooks_ui.models.visible import is_visible
from webhooks_ui.models.webhook import DESCRIPTION_MAX_CHARACTERS, NAME_MAX_CHARACTERS, RATE_LIMIT_MAX, RatePeriod
from webhooks_ui.schedules import OWN, SCHEDULES_SECONDS, describe
from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.new_host import stored_of, wrong_host
from webhooks_ui.webhooks.targets import check_url

SWITCH_WORDS = {"true": True, "on": True, "1": True, "y": True, "yes": True, "false": False, "off": False, "0": False}
LINE_BREAKS = "\r\n\t"
REORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # UAX #9, section 2
NEW_SECRETS = (  # the hours for which the old secret signs, too. Empty: the secret stays
    ("", "Keep the current secret"),
    ("24", "Generate new secret, the old one expires in 24 hours"),
    ("0", "Generate new secret, the old one expires now"),
)
# Fields that hold their columns as they are
SIMPLE = ("name", "url", "environment", "description", "active", "format", "rate_limit", "rate_period", "in_order")
WRONG_RATE = f"The rate limit must be a whole number from 1 to {RATE_LIMIT_MAX:,}, or none for no limit."


def switch_value(text: str) -> bool | None:
    """Return the state that a word stands for, or None for any other word."""
    return SWITCH_WORDS.get(text.strip().lower())


class SwitchField(Field):  # type: ignore[misc]
    """On or off. The last value counts, because a page sends ``false`` before the value of the checkbox."""

    data: bool | None

    def process_formdata(self, values: list[str]) -> None:
        if values:
            self.data = switch_value(values[-1] or "false")

    def pre_validate(self, form: Form) -> None:
        if self.data is None:
            raise ValidationError(f"{self.label.text} must be true or false.")


def _visible(form: Form, field: Field) -> None:
    if not is_visible(field.data or ""):
        raise ValidationError(f"{field.label.text} must contain at least one visible character.")


def _no_control_characters(allowed: str = "") -> Any:
    def check(form: Form, field: Field) -> None:
        if any(unicodedata.category(character) == "Cc" and character not in allowed for character in field.data or ""):
            raise ValidationError(f"{field.label.text} can't contain control characters. Remove them.")

    return check


def _written_in_order(form: Form, field: Field) -> None:
    """Refuse characters that reorder what is read, with which a name could pass for another one."""
    if any(unicodedata.bidirectional(character) in REORDERING for character in field.data or ""):
        raise ValidationError(
            f"{field.label.text} can't contain invisible characters that change the direction of writing. Remove them."
        )


def _values(webhook: Webhook) -> dict[str, Any]:
    values = {name: getattr(webhook, name) for name in SIMPLE} | values_of(webhook)
    suggested = {"suggested_format": suggested_format(webhook.url), "prepared_format": webhook.format}
    events = [*webhook.event_types, *webhook.event_groups]
    return values | suggested | {"events": events, "retry_schedule": webhook.retry_schedule or ""}


class EventsField(SelectMultipleField):  # type: ignore[misc]
    """Types and groups. Where a group was chosen before, to take one of its types away takes the group away, too.

    A page without JavaScript can't do that, so it says which groups were chosen when it was made.
    """

    CHOSEN_BEFORE = "groups_before"
    data: list[str]

    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None:
        super().process(formdata, *arguments, **options)
        if not formdata or self.name not in formdata:
            return
        chosen, types = set(self.data), catalogue.categories()
        broken = {
            group
            for category, members in types.items()
            if (group := catalogue.group_of(category)) in formdata.getlist(self.CHOSEN_BEFORE)
            and not chosen.issuperset(type.name for type in members)
        }
        self.data = [name for name in self.data if name not in broken]


class WebhookForm(OptionFields):
    name = StringField(
        "Name",
        [
            DataRequired("Give the webhook a name."),
            Length(max=NAME_MAX_CHARACTERS, message=f"The name can have at most {NAME_MAX_CHARACTERS} characters."),
            _no_control_characters(),
            _written_in_order,
            _visible,
        ],
        filters=[stripped],
    )
    environment = EnvironmentField()
    url = URLField("URL", [DataRequired("Enter the URL that deliveries go to.")], filters=[stripped])
    description = TextAreaField(
        "Description",
        [
            Length(
                max=DESCRIPTION_MAX_CHARACTERS,
                message=f"The description can have at most {DESCRIPTION_MAX_CHARACTERS:,} characters.",
            ),
            _no_control_characters(LINE_BREAKS),
        ],
        filters=[stripped],
    )
    active = SwitchField("Active", default=True)
    events = EventsField("Events", choices=[], validate_choice=False)
    secret = StringField("Webhook Secret", filters=[stripped])
    new_secret = RadioField(
        "New secret", choices=[SelectChoice(*choice) for choice in NEW_SECRETS], default="", validate_choice=False
    )
    format = SelectField(
        "Format",
        choices=[SelectChoice(name, name.label) for name in WebhookFormat],
        default=WebhookFormat.JSON,
        validate_choice=False,
    )
    # The page sends back what it last suggested for the URL, and for which format it last prepared the rate limit.
    suggested_format = HiddenField(default=WebhookFormat.JSON)
    prepared_format = HiddenField(default=WebhookFormat.JSON)
    retry_schedule = SelectField(
        "Retry schedule",
        description=" ".join(f"{name.capitalize()}: {describe(name)}." for name in SCHEDULES_SECONDS),
        choices=[
            SelectChoice("", "Same as in Settings"),
            *(SelectChoice(name, name.capitalize()) for name in SCHEDULES_SECONDS),
            SelectChoice(OWN, "Its own delays"),
        ],
        default="",
        validate_choice=False,
    )
    rate_limit = WholeNumberField("Rate limit", 1, RATE_LIMIT_MAX, WRONG_RATE, optional=True)
    rate_period = SelectField(
        "Period",
        choices=[SelectChoice(name, f"per {name}") for name in RatePeriod],
        default=RatePeriod.SECOND,
        validate_choice=False,
    )
    in_order = SwitchField("Keep the order", default=False)
    version = HiddenField()
    marks = HiddenField()  # of what the fields held when the page was made (see forms.untouched)
    copied_from = HiddenField()  # the id of the webhook that was copied, whose masked values are kept

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = stored_of(kwargs["stored"]) if kwargs.get("stored") else None
        basic = [name for name in self._fields if name in vars(WebhookForm)]  # they come first on the page
        self._fields: dict[str, Field] = {name: self._fields[name] for name in [*basic, *self._fields]}

    @classmethod
    def of(cls, webhook: Webhook, **options: Any) -> "WebhookForm":
        """Make the form for ``webhook``. Fields of the request replace the stored values.

        Args:
            options: ``formdata`` has other fields in place of those of the request. ``None``: none.
        """
        return cls(data=_values(webhook) | {"version": str(webhook.version)}, stored=webhook, **options)

    @classmethod
    def copy_of(cls, webhook: Webhook) -> "WebhookForm":
        """Make the form for a copy of ``webhook``, with a new secret. Fields of the request replace its values."""
        copied = {"name": f"{webhook.name[: NAME_MAX_CHARACTERS - 5]} copy", "copied_from": str(webhook.id)}
        return cls(data=_values(webhook) | copied, stored=webhook)

    def validate_url(self, field: Field) -> None:
        try:
            field.data = check_url(field.data, current_app.config["ALLOWED_TARGETS"])
        except TargetError as error:
            raise ValidationError(str(error)) from None
        if self._stored:
            sent = {"url": field.data, "headers": self.headers.data, "auth": self.auth}
            if wrong := wrong_host(sent, self._stored):
                raise ValidationError(wrong)

    def validate_events(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("Choose at least one event type.")
        if unknown := catalogue.unknown(field.data):
            raise ValidationError(f"There is no event type {unknown[0][:64]!r}. Choose from the list.")

    def validate_secret(self, field: Field) -> None:
        if not field.data:
            return
        try:
            secret_box.key_bytes(field.data)
        except ValueError as error:
            raise ValidationError(f"{error}. Correct the secret, or leave the field empty.") from None

    def validate_new_secret(self, field: Field) -> None:
        if field.data not in dict(NEW_SECRETS):
            raise ValidationError("The field new_secret must be 24 or 0, or empty to keep the current secret.")
        if field.data and self.secret.data:
            raise ValidationError("Keep the current secret here, or empty Webhook Secret. Only one can be new.")

    @property
    def grace_hours(self) -> int:
        """For how many hours the old secret signs, too, if a new one is generated."""
        return int(self.new_secret.data or 0)

    def wanted_secret(self) -> str:
        """Return the secret that was typed, or a generated one if somebody chose that, or an empty text for neither."""
        return secret_box.generate() if self.new_secret.data else self.secret.data or ""

    def validate_format(self, field: Field) -> None:
        if field.data not in tuple(WebhookFormat):
            raise ValidationError(f"The format must be one of {', '.join(WebhookFormat)}.")

    def validate_retry_schedule(self, field: Field) -> None:
        if field.data and field.data not in (*SCHEDULES_SECONDS, OWN):
            raise ValidationError(f"The retry schedule must be {', '.join(SCHEDULES_SECONDS)} or {OWN}, or empty.")

    def validate_retry_delays(self, field: Field) -> None:
        if self.retry_schedule.data == OWN and (wrong := wrong_delays(field.data or "")):
            raise ValidationError(wrong)
        if self.retry_schedule.data != OWN and is_typed(field):
            raise ValidationError("Choose Its own delays as the retry schedule, or empty this field.")

    def validate_rate_period(self, field: Field) -> None:
        if field.data not in tuple(RatePeriod):
            raise ValidationError(f"The period must be {' or '.join(RatePeriod)}.")

    def follow_url(self) -> None:
        """Choose the format that the receiver at the URL reads, unless somebody chose another than was suggested."""
        suggested = suggested_format(self.url.data or "")
        if self.format.data == self.suggested_format.data:
            self.format.data = suggested
        self.suggested_format.data = suggested

    def prepare_rate(self) -> None:
        """Set the rate limit that the service takes after a change of the format, unless somebody set another."""
        if self.rate_limit.process_errors:
            return
        typed = self.rate_limit.data, self.rate_period.data
        limit, period = rate_after(self.prepared_format.data, self.format.data, typed)
        if (limit, period) != typed:
            self.rate_limit.process_data(limit)
            self.rate_limit.raw_data = None  # else the page would show what was typed
            self.rate_period.data = period
        self.prepared_format.data = self.format.data

    @property
    def event_types(self) -> list[str]:
        """The chosen types, and those of the chosen groups."""
        return catalogue.expanded(self.events.data or [])[0]

    @property
    def has_pace(self) -> bool:
        """Whether retries, pace or order differ from the usual, or are wrong."""
        fields = (self.retry_schedule, self.timeout_seconds, self.rate_limit, self.in_order)
        return any(field.data or field.errors for field in (*fields, self.retry_delays))

    @property
    def misread(self) -> str:
        """A sentence if the service at the URL can't read the chosen format, or else an empty text."""
        return misread(self.url.data or "", self.format.data or "")

    @property
    def columns(self) -> dict[str, Any]:
        """Return the values of the columns, and the types and groups of events, as ``webhooks.changes`` takes them."""
        schedule = self.retry_schedule.data or None
        types, groups = catalogue.expanded(self.events.data or [])
        return (
            {name: self.data[name] for name in SIMPLE}
            | self.option_columns
            | {"retry_schedule": schedule, "retry_delays": self.own_delays if schedule == OWN else None}
            | {"event_types": types, "event_groups": groups}
        )
