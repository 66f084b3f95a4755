"""What somebody else saved while a form was open: fields that were left alone take it, and others are conflicts.

The form sends the values that it showed. The form of a webhook has marks of its own, see ``untouched``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from webhooks_ui.forms import Form
from webhooks_ui.json_object import parse_object

F = TypeVar("F", bound=Form)

SEEN = "seen"  # the field with the values that the form showed
CHANGED = "Somebody else changed this to {} while you were editing. To replace that, save again."
SHOWN_MAX_CHARACTERS = 60


def seen_of(values: Mapping[str, str]) -> str:
    """Return the text that the form sends back."""
    return json.dumps(dict(values))


class Merged(NamedTuple, Generic[F]):
    """A form with what both people want.

    Args:
        status: of the answer. 200: it may be saved. 422: a field is wrong. 409: both people changed a field.
        seen: for the page that shows the form again (see ``seen_of``).
    """

    form: F
    status: int
    seen: str


def merge(saved: Mapping[str, str], given: Mapping[str, str], form_with: Callable[[dict[str, str]], F]) -> Merged[F]:
    """Compare what somebody sends with what is saved, if somebody else has saved since the form was shown.

    Call this in the transaction that saves, after the rows are locked. Otherwise somebody else may save in between.

    Args:
        given: the fields that were sent. Without ``SEEN`` all of them count as changed by their sender alone.
        form_with: returns the form of what was sent, with the given texts in place of some fields. They are the saved
            values of fields that were left as they were shown.
    """
    seen = {name: str(value) for name, value in parse_object(given.get(SEEN, "")).items()}
    others = {name: text for name, text in saved.items() if name in given and not _same(seen.get(name, text), text)}
    kept = {name: text for name, text in others.items() if _same(given[name], seen[name])}
    clashing = {name: text for name, text in others.items() if name not in kept and not _same(given[name], text)}
    form = form_with(kept)
    status = 422 if not form.validate() else 409 if clashing else 200
    for name, text in clashing.items():
        words = " ".join(text.split())
        shown = words if len(words) <= SHOWN_MAX_CHARACTERS else f"{words[:SHOWN_MAX_CHARACTERS]}…"
        form[name].errors = [*form[name].errors, CHANGED.format(shown or "nothing")]
    return Merged(form, status, seen_of(saved))


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()  # browsers send lines with other ends
