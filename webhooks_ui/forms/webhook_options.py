"""The fields of a webhook's options: headers, filter, fields of data, timeout and own retry delays."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import Field, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from webhooks_ui.events import strict_json
from webhooks_ui.events.conditions import CONDITIONS_MAX, Condition, Filter, Match, Operator
from webhooks_ui.events.selection import Mode, Selection
from webhooks_ui.forms import WholeNumberField
from webhooks_ui.forms.webhook_access import AccessFields, access_values, is_typed
from webhooks_ui.parsing import parse_id
from webhooks_ui.schedules import WrongDelays, delays_text, parse_delays
from webhooks_ui.webhooks import options
from webhooks_ui.webhooks.own_headers import LONG_HEADERS, MASK, TYPED_MAX_CHARACTERS, OwnHeader, wrong_headers
from webhooks_ui.webhooks.ready_conditions import READY_CONDITIONS

ROW = ("condition_field", "condition_operator", "condition_value")


class HeadersField(TextAreaField):  # type: ignore[misc]
    """Headers, a line each. The stored values are shown as ``MASK``. A line that still has it keeps the value."""

    data: list[OwnHeader]

    @property
    def is_too_long(self) -> bool:
        """Whether more was typed than can be right. It isn't read."""
        return len(self.typed or "") > TYPED_MAX_CHARACTERS

    def process_data(self, value: Sequence[Mapping[str, str]] | None) -> None:
        self.stored = value or ()
        self.data = [OwnHeader(header["name"], MASK) for header in self.stored]
        self.typed: str | None = None

    def process_formdata(self, values: list[str]) -> None:
        if not values:
            return
        self.typed = values[-1]
        if self.is_too_long:
            return
        lines = filter(None, (line.strip() for line in self.typed.splitlines()))
        pairs = (line.partition(":") for line in lines)
        self.data = [OwnHeader(name.strip(), value.strip()) for name, _, value in pairs]

    def _value(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.data) if self.typed is None else self.typed


class ConditionsField(Field):  # type: ignore[misc]
    """Conditions, a row of three inputs each. ``rows`` has all of them, ``data`` those that aren't empty."""

    rows: list[dict[str, str]]
    has_new_row = False  # the last one, which gets the cursor

    @property
    def data(self) -> list[dict[str, str]]:
        return [row for row in self.rows if row["field"] or row["value"]]

    @data.setter
    def data(self, value: object) -> None:
        """Ignore what WTForms sets. ``rows`` decides."""

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        self.process_errors: list[str] = []
        self.rows = [dict(row) for row in data or ()]
        if formdata and self.name in formdata:  # the page sends it even if there is no row
            columns = [[value.strip() for value in formdata.getlist(name)] for name in ROW]
            rows = zip(*(column + [""] * (len(columns[0]) - len(column)) for column in columns), strict=False)
            self.rows = [
                {"field": field, "operator": operator or Operator.EQUALS, "value": value}
                for field, operator, value in rows
            ]

    def take_step(self, step: str) -> None:
        """Add or remove a row.

        Args:
            step: ``add``, ``remove`` with the place of a row, or a name in ``READY_CONDITIONS``.
        """
        name, _, place = step.partition(" ")
        number = parse_id(place)
        if name == "remove" and number is not None and number < len(self.rows):
            del self.rows[number]
        elif name == "add" and len(self.rows) < CONDITIONS_MAX:
            self.rows.append(Condition("", Operator.EQUALS).as_json())
            self.has_new_row = True
        elif name in READY_CONDITIONS and len(self.rows) < CONDITIONS_MAX:
            self.rows = [*self.data, READY_CONDITIONS[name].condition.as_json()]
            self.has_new_row = True


class OptionFields(AccessFields):
    headers = HeadersField("Headers")
    filter_match = SelectField(
        "Which of them must hold",
        choices=[SelectChoice(Match.ALL, "All of these must hold"), SelectChoice(Match.ANY, "Any of these must hold")],
        default=Match.ALL,
        validate_choice=False,
    )
    conditions = ConditionsField("Conditions")
    fields_mode = SelectField(
        "Data",
        choices=[
            SelectChoice("", "Send all of it"),
            SelectChoice(Mode.LEAVE_OUT, "Leave out these fields"),
            SelectChoice(Mode.KEEP, "Send only these fields"),
        ],
        default="",
        validate_choice=False,
    )
    fields_paths = TextAreaField("Fields")
    fields_extra = TextAreaField("Fields to add")
    timeout_seconds = WholeNumberField(
        "Timeout in seconds", *options.TIMEOUT_SECONDS, options.WRONG_TIMEOUT, optional=True
    )
    retry_delays = StringField("Delays of its own schedule")

    def validate_headers(self, field: HeadersField) -> None:
        if field.is_too_long:
            raise ValidationError(LONG_HEADERS)
        if wrong := wrong_headers(field.data, field.stored):
            raise ValidationError(wrong)

    def validate_conditions(self, field: ConditionsField) -> None:
        if wrong := options.wrong_conditions(self.filter_match.data, field.data, self._event_types):
            raise ValidationError(wrong)

    def validate_fields_paths(self, field: Field) -> None:
        if self.fields_mode.data not in ("", *Mode):
            raise ValidationError(f"The choice must be {' or '.join(Mode)}, or empty.")
        if not self.fields_mode.data and is_typed(field):
            raise ValidationError("Choose whether these fields are left out or sent, or empty this field.")
        if wrong := options.wrong_paths(self.fields_mode.data, self._paths):
            raise ValidationError(wrong)

    def validate_fields_extra(self, field: Field) -> None:
        if len(field.data or "") > options.EXTRA_TYPED_MAX_CHARACTERS:
            raise ValidationError(options.LARGE_EXTRA)
        try:
            extra = self._extra
        except strict_json.BrokenJson as error:
            sentence = str(error).replace("The body is", "The fields to add are", 1)
            raise ValidationError(f'{sentence} Write them like {{"tenant": "emea"}}.') from None
        if wrong := options.wrong_extra(extra):
            raise ValidationError(wrong)

    @property
    def wrong_option(self) -> str:
        """The first thing that keeps a request from being made with these options, or an empty text."""
        for name in ("headers", *self.ACCESS_CHECKED, "fields_paths", "fields_extra"):
            try:
                getattr(self, f"validate_{name}")(self[name])
            except ValidationError as error:
                return f"{self[name].label.text}: {error}"
        return ""

    @property
    def masked_headers(self) -> tuple[OwnHeader, ...]:
        """The headers of each request, with that of the authentication, as people may see them."""
        own, auth = (OwnHeader(header.name, MASK) for header in self.headers.data), self.auth
        return (*own, *([auth.masked_header] if auth else []))

    @property
    def filter(self) -> dict[str, Any] | None:
        """The filter as ``Webhook.filter`` holds it."""
        if not self.conditions.data:
            return None
        conditions = tuple(
            Condition(item["field"], Operator(item["operator"]), item["value"]) for item in self.conditions.data
        )
        return Filter(Match(self.filter_match.data), conditions).as_json()

    @property
    def fields(self) -> dict[str, Any] | None:
        """The selection of data as ``Webhook.fields`` holds it."""
        mode, paths, extra = self.fields_mode.data, self._paths, self._extra
        if not mode and not extra:
            return None
        chosen = Mode(mode or Mode.LEAVE_OUT)
        return Selection(chosen, tuple(paths) if mode else (), extra or {}).as_json()

    @property
    def own_delays(self) -> list[int]:
        """The own delays between attempts.

        Raises:
            webhooks_ui.schedules.WrongDelays: the text has none, or wrong ones.
        """
        return parse_delays(self.retry_delays.data or "")

    @property
    def option_columns(self) -> dict[str, Any]:
        """Return the values of the columns that hold the options, of a valid form."""
        return {
            "headers": self.headers.data,
            "auth": self.auth,
            "client_certificate": self.pair,
            "filter": self.filter,
            "fields": self.fields,
            "timeout_seconds": self.timeout_seconds.data,
        }

    @property
    def _event_types(self) -> list[str]:
        return list(self["events"].data or ()) if "events" in self else []

    @property
    def _paths(self) -> list[str]:
        return list(filter(None, (line.strip() for line in (self.fields_paths.data or "").splitlines())))

    @property
    def _extra(self) -> Any:
        text = (self.fields_extra.data or "").strip()
        return strict_json.load_raw(text.encode("utf-8", "replace")).value if text else {}


def values_of(webhook: Any) -> dict[str, Any]:
    """Return what the fields show of a webhook's options."""
    filter, selection = Filter.parse(webhook.filter), Selection.parse(webhook.fields) or Selection()
    return access_values(webhook) | {
        "headers": webhook.headers,
        "filter_match": filter.match if filter else Match.ALL,
        "conditions": filter.as_json()["conditions"] if filter else [],
        "fields_mode": str(selection.mode) if selection.paths else "",
        "fields_paths": "\n".join(selection.paths),
        "fields_extra": strict_json.render_literally(selection.extra) if selection.extra else "",
        "timeout_seconds": webhook.timeout_seconds,
        "retry_delays": delays_text(webhook.retry_delays or ()),
    }


def wrong_delays(text: str) -> str:
    """Return what is wrong with typed delays, or an empty text."""
    try:
        parse_delays(text)
    except WrongDelays as error:
        return str(error)
    return ""
