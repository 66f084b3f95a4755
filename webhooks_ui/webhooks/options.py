"""Checks the filter and the fields of a webhook. Each function returns what is wrong, as a sentence, or an empty text.

The form and the API both call these.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from config import OWN_TIMEOUT_MAX_SECONDS
from webhooks_ui.events import catalogue, strict_json
from webhooks_ui.events.conditions import (
    CONDITIONS_MAX,
    PATH_MAX_CHARACTERS,
    VALUE_MAX_CHARACTERS,
    VALUES_MAX,
    Condition,
    Filter,
    Match,
    Operator,
    is_comparable,
    is_there,
    list_on_the_way,
    split_values,
)
from webhooks_ui.events.selection import EXTRA_MAX_BYTES, PATHS_MAX
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.client_certificates import warnings_of_certificate
from webhooks_ui.webhooks.damage import damage

TIMEOUT_SECONDS = 1, OWN_TIMEOUT_MAX_SECONDS
WRONG_TIMEOUT = (
    f"The timeout must be a whole number of seconds from 1 to {OWN_TIMEOUT_MAX_SECONDS}, or none for the usual one."
)
EXTRA_TYPED_MAX_CHARACTERS = 4 * EXTRA_MAX_BYTES  # with white space. What is longer takes seconds to read
LARGE_EXTRA = f"The fields to add are too large. Use up to {EXTRA_MAX_BYTES:,} bytes."
_PATH = re.compile(r"[^.\x00-\x1f]+(\.[^.\x00-\x1f]+)*")
HOW_PATHS = "Write the path like customer.email, with dots between the names."


def wrong_conditions(match: str, conditions: Sequence[Mapping[str, str]], event_types: Iterable[str]) -> str:
    """Check the conditions of a filter on events of these types."""
    if match not in tuple(Match):
        return f"Choose which of the conditions must hold: {' or '.join(Match)}."
    if len(conditions) > CONDITIONS_MAX:
        return f"There are {len(conditions)} conditions. Use up to {CONDITIONS_MAX}."
    for condition in conditions:
        if wrong := _wrong_condition(condition, event_types):
            return wrong
    return ""


def wrong_filter(stored: Mapping[str, Any] | None, event_types: Iterable[str]) -> str:
    """Check the filter of a webhook, as ``Webhook.filter`` holds it, on events of other types."""
    filter = Filter.parse(stored)
    return wrong_conditions(filter.match, filter.as_json()["conditions"], event_types) if filter else ""


def _wrong_condition(condition: Mapping[str, str], event_types: Iterable[str]) -> str:
    field, operator, value = condition["field"], condition["operator"], condition["value"]
    if not field:
        return "A condition needs a field of the data, such as reason.code."
    if wrong := wrong_path(field):
        return wrong
    if operator not in tuple(Operator):
        return f"{operator[:40]!r} is no operator. Choose {', '.join(Operator)}."
    if Operator(operator).takes_value and not value:
        return f"The condition on {field} needs a value."
    if len(value) > VALUE_MAX_CHARACTERS or not value.isprintable():
        return f"The value for {field} must be up to {VALUE_MAX_CHARACTERS} printable characters."
    if operator == Operator.ONE_OF and not 1 <= len(split_values(value)) <= VALUES_MAX:
        return f"Give 1 to {VALUES_MAX} values for {field}, with commas between them."
    if operator in (Operator.GREATER, Operator.LESS) and not is_comparable(value):
        return f"{field} can be compared with a number, or with a time like 2026-11-23 or 2026-11-23T10:00:00Z."
    for example in examples_of(event_types):
        if way := list_on_the_way(example, field):
            return f"{way} is a list, and a path can't lead into a list. Use {way} contains a value."
    return ""


def warnings(conditions: Iterable[Condition], event_types: Iterable[str]) -> list[str]:
    """Return a sentence for each condition on a field that no example of these types has. Such a filter is allowed."""
    examples = examples_of(event_types)
    return [
        f"No example of the chosen events has the field {condition.field}."
        for condition in conditions
        if examples and not any(is_there(example, condition.field) for example in examples)
    ]


def warnings_of(webhook: Webhook) -> list[str]:
    """Return the ``warnings`` about the filter of a webhook, those about its client certificate, and its damage."""
    filter = Filter.parse(webhook.filter)
    of_filter = warnings(filter.conditions, webhook.event_types) if filter else []
    return [*of_filter, *warnings_of_certificate(webhook), *([found] if (found := damage(webhook)) else [])]


def examples_of(event_types: Iterable[str]) -> list[dict[str, Any]]:
    """Return the examples of those of these types that exist."""
    return [type.example for name in event_types if (type := catalogue.find(name))]


def wrong_path(path: str) -> str:
    """Check a dotted path."""
    if len(path) > PATH_MAX_CHARACTERS:
        return f"{path[:40]!r}… is too long. Use up to {PATH_MAX_CHARACTERS} characters."
    return "" if _PATH.fullmatch(path) else f"{path[:40]!r} is no path. {HOW_PATHS}"


def wrong_paths(mode: str, paths: Sequence[str]) -> str:
    """Check the fields that are left out or kept."""
    if not mode:
        return ""
    if not 1 <= len(paths) <= PATHS_MAX:
        return f"Name 1 to {PATHS_MAX} fields. {HOW_PATHS}"
    return next(filter(None, map(wrong_path, paths)), "")


def wrong_extra(extra: Any) -> str:
    """Check the fields that are added to the data. Their numbers are ``strict_json.Number``."""
    if not isinstance(extra, dict):
        return 'The fields to add are a JSON object, such as {"tenant": "emea"}.'
    if found := strict_json.unsendable_value(extra):
        return found[1]
    if len(strict_json.render_literally(extra).encode()) > EXTRA_MAX_BYTES:
        return LARGE_EXTRA
    return ""
