"""Checks the query string of a list."""

from collections.abc import Iterable

from flask import request

from webhooks_ui.web.problem import Problem, field_error

LIMIT_DEFAULT, LIMIT_MAX = 25, 100


def refuse_unknown(known: Iterable[str]) -> None:
    """Refuse unknown parameters. Otherwise a misspelled filter would show everything.

    Raises:
        Problem: 422, with an entry per unknown parameter.
    """
    names = list(known)
    if unknown := [name for name in request.args if name not in names]:
        message = f"This parameter is unknown. The parameters are {', '.join(names)}."
        raise wrong_parameters(dict.fromkeys(unknown, message))


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
