"""The form of the product's settings."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from webhooks_ui.forms import Form, WholeNumberField
from webhooks_ui.schedules import SCHEDULES_SECONDS

RETENTION_DAYS = (7, 15, 30)
ALERT_THRESHOLD_MAX = 1_000
ADDRESSES_MAX = 100


def texts_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings as the fields of the form hold them."""
    return {name: "\n".join(value) if isinstance(value, list) else str(value) for name, value in settings.items()}


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
    alert_threshold = WholeNumberField(
        "Alert threshold (failures in a row)",
        1,
        ALERT_THRESHOLD_MAX,
        f"The alert threshold must be a whole number from 1 to {ALERT_THRESHOLD_MAX:,}.",
    )
    outgoing_addresses = TextAreaField("Outgoing addresses")

    @classmethod
    def fill(cls, saved: Mapping[str, Any], given: Mapping[str, str] | None = None) -> "SettingsForm":
        """Make the form from the ``saved`` settings, and replace those that were ``given``."""
        return cls(MultiDict(texts_of(saved) | dict(given or {})))

    def validate_retention_days(self, field: Field) -> None:
        if field.data not in map(str, RETENTION_DAYS):
            raise ValidationError("Deliveries can be kept for 7, 15 or 30 days. Choose one of these.")

    def validate_retry_schedule(self, field: Field) -> None:
        if field.data not in SCHEDULES_SECONDS:
            raise ValidationError(f"The retry schedule must be {' or '.join(SCHEDULES_SECONDS)}.")

    def validate_outgoing_addresses(self, field: Field) -> None:
        """Accept one IP address or network per line. Empty lines don't count."""
        if len(_lines(field.data)) > ADDRESSES_MAX:
            raise ValidationError(f"There can be at most {ADDRESSES_MAX} outgoing addresses. Remove some of them.")
        for number, line in enumerate((field.data or "").splitlines(), 1):
            try:
                if line.strip():
                    ipaddress.ip_network(line.strip(), strict=False)
            except ValueError:
                raise ValidationError(
                    f"Outgoing addresses, line {number}: {line.strip()[:50]!r} is not an IP address or network. "
                    "Enter one per line, such as 203.0.113.7 or 203.0.113.0/28."
                ) from None

    @property
    def values(self) -> dict[str, object]:
        """Return what to save, by the names of the settings."""
        addresses = _lines(self.outgoing_addresses.data)
        return {**self.data, "retention_days": int(self.retention_days.data), "outgoing_addresses": addresses}


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
