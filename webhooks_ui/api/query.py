"""Checks the query string of a request."""

from collections.abc import Collection

from flask import request

from webhooks_ui.events.strict_json import shortened
from webhooks_ui.web.problem import Problem, field_error

LIMIT_DEFAULT, LIMIT_MAX = 25, 100


def check_parameters(known: Collection[str]) -> None:
    """Refuse parameters that aren't ``known``, or come twice. Otherwise a misspelled filter would show everything.

    Raises:
        Problem: 422, with an entry per unknown or repeated parameter.
    """
    if not request.environ.get("QUERY_STRING"):  # most requests have none, and reading it takes time
        return
    wrong = {}
    for name, values in request.args.lists():
        if name not in known:
            listed = f"The parameters are {', '.join(known)}." if known else "This address takes none."
            wrong[shortened(name)] = f"This parameter is unknown. {listed}"
        elif len(values) > 1:
            wrong[name] = f"{name} comes {len(values)} times. Send it once."
    if wrong:
        raise wrong_parameters(wrong)


def read_number(name: str, default: int, highest: int) -> int:
    """Return the parameter ``name``, a whole number from 1 to ``highest``, or ``default`` if it is missing.

    Raises:
        Problem: 422 if it is something else.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= len(str(highest)) and 1 <= int(text) <= highest:
        return int(text)
    raise wrong_parameters({name: f"{name} is a whole number from 1 to {highest:,}."})


def wrong_parameters(messages: dict[str, str]) -> Problem:
    errors = [field_error(name, message) for name, message in messages.items()]
    return Problem(422, "The query string is wrong: see errors.", errors)
