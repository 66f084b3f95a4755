import socket
from unittest.mock import patch

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance

from tests.support.factories import make_api_key, make_delivery, make_webhook
from webhooks_ui.api.openapi import document


@pytest.fixture
def description(app, monkeypatch):
    """The description as the app serves it, with one webhook and one delivery to find."""
    make_delivery(make_webhook())
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


OPERATIONS = [(method, path) for path, item in document()["paths"].items() for method in item if method != "parameters"]


SETTINGS = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), [operation for operation in OPERATIONS if "openapi" not in operation[1]])
def test_the_api_keeps_to_its_description(description, method, path, mode):
    # No schema can say which addresses are public, nor which environment a key is for.
    excluded = [positive_data_acceptance] if path.startswith("/api/v1/webhooks") else []
    key = make_api_key()[1]

    @SETTINGS
    @given(case=description[path][method].as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}, excluded_checks=excluded
        )

    with patch.object(socket, "getaddrinfo", side_effect=socket.gaierror):  # no made-up host is looked up
        check()


def test_every_address_of_the_api_is_described(app):
    rules = {
        (method, rule.rule.replace("<int:", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(method.upper(), path) for method, path in OPERATIONS}
    assert rules == described


def test_the_description_needs_no_key(app):
    assert app.test_client().get("/api/v1/openapi.json").json["openapi"] == "3.1.0"
