"""The form of the product's settings."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field, IntegerField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange, ValidationError

from jobs.retry import SCHEDULES_SECONDS
from webhooks_ui.forms import Form

RETENTION_DAYS = (7, 15, 30)
ALERT_THRESHOLD_MAX = 1_000
ADDRESSES_MAX = 100


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
    alert_threshold = IntegerField(
        "Failures in a row",
        [
            InputRequired(f"Enter a whole number from 1 to {ALERT_THRESHOLD_MAX:,}."),
            NumberRange(1, ALERT_THRESHOLD_MAX, f"Enter a whole number from 1 to {ALERT_THRESHOLD_MAX:,}."),
        ],
    )
    outgoing_addresses = TextAreaField("Outgoing addresses")

    @classmethod
    def fill(cls, saved: Mapping[str, Any], given: Mapping[str, str] | None = None) -> "SettingsForm":
        """The form with what is saved, and over it what was ``given``: a setting that wasn't stays as it is."""
        texts = {name: "\n".join(value) if isinstance(value, list) else str(value) for name, value in saved.items()}
        return cls(MultiDict(texts | dict(given or {})))

    def validate_retention_days(self, field: Field) -> None:
        if field.data not in map(str, RETENTION_DAYS):
            raise ValidationError("Choose 7, 15 or 30 days.")

    def validate_retry_schedule(self, field: Field) -> None:
        if field.data not in SCHEDULES_SECONDS:
            raise ValidationError(f"Choose one of: {', '.join(SCHEDULES_SECONDS)}.")

    def validate_outgoing_addresses(self, field: Field) -> None:
        """One IP address or network a line; kept as a list of texts."""
        lines = (field.data or "").split()
        if len(lines) > ADDRESSES_MAX:
            raise ValidationError(f"There may be at most {ADDRESSES_MAX} addresses.")
        for line in lines:
            try:
                ipaddress.ip_network(line, strict=False)
            except ValueError:
                raise ValidationError(
                    f"{line[:50]} is no IP address or network, such as 203.0.113.7 or 203.0.113.0/28."
                ) from None

    @property
    def values(self) -> dict[str, object]:
        """What to save, by the names of the settings."""
        addresses = (self.outgoing_addresses.data or "").split()
        return {**self.data, "retention_days": int(self.retention_days.data), "outgoing_addresses": addresses}


def describe(schedule: str) -> str:
    """``5 attempts: at once, +1 min, +5 min, +15 min, +1 h``."""
    delays = SCHEDULES_SECONDS[schedule]
    return f"{len(delays)} attempts: {', '.join(_delay(seconds) for seconds in delays)}"


def _delay(seconds: int) -> str:
    if seconds == 0:
        return "at once"
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"+{seconds // length} {unit}"
    return f"+{seconds} s"
