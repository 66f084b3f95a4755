"""The form of the product's settings."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field, IntegerField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, StopValidation, ValidationError

from webhooks_ui.deliveries.schedules import SCHEDULES_SECONDS
from webhooks_ui.forms import Form

RETENTION_DAYS = (7, 15, 30)
ALERT_THRESHOLD_MAX = 1_000
NO_THRESHOLD = f"The alert threshold must be a whole number from 1 to {ALERT_THRESHOLD_MAX:,}."
ADDRESSES_MAX = 100


class ThresholdField(IntegerField):  # type: ignore[misc]
    """A whole number; whatever is none has the message of one that is out of range."""

    def process_formdata(self, values: list[str]) -> None:
        try:
            super().process_formdata(values)
        except ValueError:
            raise ValueError(NO_THRESHOLD) from None

    def pre_validate(self, form: object) -> None:
        """Say it once."""
        if self.process_errors:
            raise StopValidation


class SettingsForm(Form):
    retention_days = RadioField(
        "Keep deliveries for",
        choices=[SelectChoice(str(days), f"{days} days") for days in RETENTION_DAYS],
        validate_choice=False,
    )
    retry_schedule = RadioField(
        "Retry schedule",
        choices=[SelectChoice(name, name.capitalize()) for name in SCHEDULES_SECONDS],
        validate_choice=False,
    )
    alert_threshold = ThresholdField(
        "Alert threshold (failures in a row)",
        [InputRequired(NO_THRESHOLD), NumberRange(1, ALERT_THRESHOLD_MAX, NO_THRESHOLD)],
    )
    outgoing_addresses = TextAreaField("Outgoing addresses")

    @classmethod
    def fill(cls, saved: Mapping[str, Any], given: Mapping[str, str] | None = None) -> "SettingsForm":
        """The form with what is saved, and over it what was ``given``: a setting that wasn't stays as it is."""
        texts = {name: "\n".join(value) if isinstance(value, list) else str(value) for name, value in saved.items()}
        return cls(MultiDict(texts | dict(given or {})))

    def validate_retention_days(self, field: Field) -> None:
        if field.data not in map(str, RETENTION_DAYS):
            raise ValidationError("Deliveries are kept for 7, 15 or 30 days: choose one.")

    def validate_retry_schedule(self, field: Field) -> None:
        if field.data not in SCHEDULES_SECONDS:
            raise ValidationError(f"The retry schedule must be {' or '.join(SCHEDULES_SECONDS)}.")

    def validate_outgoing_addresses(self, field: Field) -> None:
        """One IP address or network a line; kept as a list of texts."""
        if len(_lines(field.data)) > ADDRESSES_MAX:
            raise ValidationError(f"There may be at most {ADDRESSES_MAX} outgoing addresses.")
        for number, line in enumerate((field.data or "").splitlines(), 1):
            try:
                if line.strip():
                    ipaddress.ip_network(line.strip(), strict=False)
            except ValueError:
                raise ValidationError(
                    f"Outgoing addresses, line {number}: {line.strip()[:50]!r} is no IP address or network. "
                    "Write one a line, such as 203.0.113.7 or 203.0.113.0/28."
                ) from None

    @property
    def values(self) -> dict[str, object]:
        """What to save, by the names of the settings."""
        addresses = _lines(self.outgoing_addresses.data)
        return {**self.data, "retention_days": int(self.retention_days.data), "outgoing_addresses": addresses}


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
