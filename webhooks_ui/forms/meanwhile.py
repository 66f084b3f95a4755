"""What somebody else saved while a form was open: fields that were left alone take it, and others are conflicts.

The form sends the values that it showed. The form of a webhook has marks of its own, see ``untouched``.
"""

import json
from collections.abc import Mapping
from typing import Any

from webhooks_ui.forms import Form

SEEN = "seen"  # the field with the values that the form showed
CHANGED = "Somebody else changed this to {} while you were editing. To replace that, save again."
SHOWN_MAX_CHARACTERS = 60


def seen_of(values: Mapping[str, str]) -> str:
    """Return the text that the form sends back."""
    return json.dumps(dict(values))


def changed_meanwhile(saved: Mapping[str, str], given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Compare what somebody sends with what is saved, if somebody else has saved since the form was shown.

    Args:
        given: the fields that were sent. Without ``SEEN`` all of them count as changed by their sender alone.

    Returns:
        the saved values of fields that were left as they were shown, and those of fields that both people changed.
    """
    seen = _read(given.get(SEEN, ""))
    others = {name: text for name, text in saved.items() if name in given and not _same(seen.get(name, text), text)}
    kept = {name: text for name, text in others.items() if _same(given[name], seen[name])}
    clashing = {name: text for name, text in others.items() if name not in kept and not _same(given[name], text)}
    return kept, clashing


def tell(form: Form, clashing: Mapping[str, str]) -> None:
    """Add to each field that both people changed what is saved in it."""
    for name, text in clashing.items():
        words = " ".join(text.split())
        shown = words if len(words) <= SHOWN_MAX_CHARACTERS else f"{words[:SHOWN_MAX_CHARACTERS]}…"
        form[name].errors = [*form[name].errors, CHANGED.format(shown or "nothing")]


def _read(text: str) -> dict[str, str]:
    try:
        seen: Any = json.loads(text)
    except ValueError:
        return {}
    return {name: str(value) for name, value in seen.items()} if isinstance(seen, dict) else {}


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()  # browsers send lines with other ends
