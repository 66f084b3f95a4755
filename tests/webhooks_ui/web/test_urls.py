"""Which addresses there are."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_webhook

SignIn = Callable[[str], FlaskClient]
TEXT = re.compile(r"<(?:string:)?\w+>")  # `<path:…>` is a file, for which no database is asked
CONTROLS = ["%00", "a%00b", "%0A", "a%0A", "%1B", "%7F", "%C2%9B"]


@pytest.mark.parametrize("control", CONTROLS)
def test_nothing_has_a_name_with_a_control_character(app: Flask, sign_in: SignIn, control: str) -> None:
    client = sign_in("super_admin")
    make_webhook()
    tried = 0
    for rule in app.url_map.iter_rules():
        path = re.sub("<int:[^>]+>", "1", TEXT.sub(control, rule.rule))
        for method in rule.methods or () if control in path else ():
            assert client.open(path, method=method).status_code == 404, f"{method} {path}"
            tried += 1
    assert tried > 30
