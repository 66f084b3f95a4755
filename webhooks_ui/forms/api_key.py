"""The form that creates and edits an API key, and the choices of the form that rolls one."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import DateField, Field, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from webhooks_ui.forms import EnvironmentField, Form, WholeNumberField, stripped
from webhooks_ui.models import ApiKey, Scope, utcnow
from webhooks_ui.models.api_key import NAME_MAX_CHARACTERS, RATE_PER_MINUTE_DEFAULT, RATE_PER_MINUTE_MAX
from webhooks_ui.models.scope import in_order
from webhooks_ui.models.visible import is_visible

OVERLAPS_HOURS = {24: "For 24 hours", 168: "For 7 days", 720: "For 30 days", 1: "For 1 hour", 0: "Not at all"}


def _printable(form: Form, field: Field) -> None:
    if not (field.data or "").isprintable():
        raise ValidationError("The name can't contain control characters. Remove them.")
    if not is_visible(field.data or ""):
        raise ValidationError("The name must contain at least one visible character.")


def texts_of(key: ApiKey) -> dict[str, str]:
    """Return the stored values as ``sent_texts`` returns the form's."""
    end = key.expires_at
    return {
        "name": key.name,
        "scopes": _told(key.scopes),
        "last_day": end.date().isoformat() if end else "",
        "rate_per_minute": str(key.rate_per_minute),
    }


def sent_texts(given: MultiDict[str, str]) -> dict[str, str]:
    """Return what the form sends, each field as one text."""
    return given.to_dict() | {"scopes": _told(given.getlist("scopes"))}


def _told(scopes: Iterable[str]) -> str:
    return " ".join(sorted(scopes))


def with_texts(given: MultiDict[str, str], texts: Mapping[str, str]) -> MultiDict[str, str]:
    """Return what the form sends, with other values for some fields."""
    merged = given.copy()
    for name, text in texts.items():
        merged.setlist(name, text.split() if name == "scopes" else [text])
    return merged


class ApiKeyForm(Form):
    name = StringField(
        "Name",
        [
            DataRequired("Give the key a name, such as the program that will use it."),
            Length(max=NAME_MAX_CHARACTERS, message=f"The name can have at most {NAME_MAX_CHARACTERS} characters."),
            _printable,
        ],
        filters=[stripped],
    )
    environment = EnvironmentField()
    scopes = SelectMultipleField("Scopes", choices=list(Scope), validate_choice=False)
    last_day = DateField(
        "Last day",
        [Optional()],
        invalid_value_message="The last day must be a date, such as 2027-01-31. Leave it empty for no end.",
    )
    rate_per_minute = WholeNumberField(
        "Requests per minute",
        1,
        RATE_PER_MINUTE_MAX,
        f"Enter a whole number from 1 to {RATE_PER_MINUTE_MAX:,}.",
        default=RATE_PER_MINUTE_DEFAULT,
    )
    kept_end: datetime | None = None  # the end of the key that is edited

    @classmethod
    def of(cls, key: ApiKey, given: MultiDict[str, str] | None = None) -> "ApiKeyForm":
        """Make the form for ``key``, whose environment can't change. What is ``given`` replaces stored values."""
        values = {name: getattr(key, name) for name in ("name", "scopes", "rate_per_minute")}
        form = cls(given, data=values | {"last_day": key.expires_at and key.expires_at.date()})
        form.kept_end = key.expires_at
        del form.environment
        return form

    def validate_scopes(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("Choose at least one scope.")
        if unknown := [name for name in field.data if name not in tuple(Scope)]:
            raise ValidationError(f"There is no scope {unknown[0][:64]!r}. Choose from the list.")

    def validate_last_day(self, field: Field) -> None:
        end = self._end(field.data)
        if end and end != self.kept_end and end <= utcnow():
            raise ValidationError("The last day is over. Choose today or a later day.")

    @property
    def fields(self) -> dict[str, Any]:
        """Return the values as ``api_keys.create`` and ``api_keys.edit`` take them."""
        values = {
            name: value for name, value in self.data.items() if name in ("name", "environment", "rate_per_minute")
        }
        scopes = [scope.value for scope in in_order(self.scopes.data)]
        return values | {"scopes": scopes, "expires_at": self._end(self.last_day.data)}

    def _end(self, day: date | None) -> datetime | None:
        """Return the last moment of ``day`` in UTC, or the exact end that the key has on that day already."""
        if day is None:
            return None
        if self.kept_end and self.kept_end.date() == day:
            return self.kept_end
        return datetime.combine(day, time.max, UTC)
