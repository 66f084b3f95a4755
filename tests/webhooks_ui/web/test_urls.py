"""Which addresses there are."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.web.urls import addresses

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


@pytest.mark.parametrize("number", ["0", "01", "001", "+1", "%D9%A1", "1_0"])
def test_an_id_has_one_address(admin: FlaskClient, number: str) -> None:
    assert make_webhook().id == 1
    assert admin.get("/admin/webhooks/1").status_code == 200
    assert admin.get(f"/admin/webhooks/{number}").status_code == 404
    key = {"Authorization": f"Bearer {make_api_key()[1]}"}
    assert admin.get("/api/v1/webhooks/1", headers=key).status_code == 200
    assert admin.get(f"/api/v1/webhooks/{number}", headers=key).status_code == 404


@pytest.mark.parametrize(
    "path", ["//api/v1/events", "/api//v1/events", "/api/v1//events", "///api/v1/events", "/%2Fapi/v1/events"]
)
def test_no_way_of_writing_slashes_leads_around_a_rule_for_the_api(client: FlaskClient, path: str) -> None:
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    event = {"type": "license.created", "data": {}}
    for answer in (open_raw(client, "POST", path, headers, event), open_raw(client, "GET", path, headers)):
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["/api%2Fv1/events", "/api%2fv1/events", "/api/v1%2Fevents", "/%2fapi/v1/events"])
def test_an_encoded_slash_is_no_slash_in_the_api(client: FlaskClient, path: str) -> None:
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    answer = client.post(path, headers=headers, json={"type": "license.created", "data": {}})
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/admin%2Fwebhooks", "/admin%2fwebhooks", "/admin/webhooks%2F1", "/admin%2F%2Fwebhooks"]
)
def test_an_encoded_slash_is_no_slash_in_a_page(admin: FlaskClient, path: str) -> None:
    make_webhook()
    for method in ("GET", "POST"):
        assert admin.open(path, method=method).status_code == 404


def test_a_search_for_a_slash_is_no_address(admin: FlaskClient) -> None:
    assert admin.get("/admin/webhooks?q=a%2Fb").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/events/", "/api/v1/webhooks/", "/api/v1/openapi.json/"])
def test_no_slash_is_dropped_from_an_address_of_the_api(client: FlaskClient, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.open(path, method=method)
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("//admin/webhooks?q=a%20b", "/admin/webhooks?q=a%20b"),
        ("/admin///webhooks", "/admin/webhooks"),
        ("//evil.example/", "/evil.example/"),
        ("//evil.example//%0d%0aX:%20a", "/evil.example/%0D%0AX%3A%20a"),
    ],
)
def test_slashes_too_many_lead_to_the_page_on_this_host(admin: FlaskClient, path: str, leads_to: str) -> None:
    answer = open_raw(admin, "GET", path)
    assert (answer.status_code, answer.location) == (308, leads_to)


def test_a_form_is_not_sent_to_an_address_with_slashes_too_many(admin: FlaskClient) -> None:
    make_webhook()
    assert open_raw(admin, "POST", "//admin/webhooks/1/delete").status_code == 404
    assert db.session.scalar(db.select(Webhook.deleted_at)) is None


@pytest.mark.parametrize("prefix", ["", "/portal/9223372036854775807"])
def test_the_addresses_of_rows_are_those_of_flask(app: Flask, prefix: str) -> None:
    with app.test_request_context(environ_overrides={"SCRIPT_NAME": prefix}):
        edited_at = addresses("webhooks.edit", "webhook_id")
        assert [edited_at(id) for id in (1, 70)] == [url_for("webhooks.edit", webhook_id=id) for id in (1, 70)]


def open_raw(client: FlaskClient, method: str, path: str, headers: Any = None, body: Any = None) -> TestResponse:
    """Send a request for ``path`` as it is. The client would take what follows two slashes for a host."""
    path, _, query = path.partition("?")
    environ = {"PATH_INFO": unquote(path)}
    return client.open("/", method=method, query_string=query, headers=headers, json=body, environ_overrides=environ)
