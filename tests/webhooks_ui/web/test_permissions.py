"""Which role may open which page of a webhook. ``tests/webhooks_ui/test_access.py`` tries all routes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.support.factories import make_webhook
from tests.support.http import HTMX
from webhooks_ui.models import Role, utcnow
from webhooks_ui.models.user import RANK
from webhooks_ui.web.permissions import (
    LEAST_ROLE,
    NEEDS_FRESH,
    NEEDS_NO_FRESH,
    SETS_UP_SECOND_FACTOR,
    least_role,
)

SignIn = Callable[[str], FlaskClient]

OF_ONE_WEBHOOK = ["", "/edit", "/secret", "/test", "/delete"]


@pytest.mark.parametrize("role", ["admin", "super_admin"])
def test_an_admin_may_open_every_webhook_page(sign_in: SignIn, role: str) -> None:
    webhook = make_webhook()
    client = sign_in(role)
    for page in OF_ONE_WEBHOOK:
        assert client.get(f"/admin/webhooks/{webhook.id}{page}").status_code == 200, page


def test_an_operator_sees_the_list_and_nothing_else(sign_in: SignIn) -> None:
    webhook = make_webhook()
    client = sign_in("operator")
    assert client.get("/admin/webhooks").status_code == 200
    for page in ["/new", *(f"/{webhook.id}{page}" for page in OF_ONE_WEBHOOK)]:
        assert client.get(f"/admin/webhooks{page}").status_code == 403, page
    for action in ("/edit", "/secret", "/test", "/delete"):
        assert client.post(f"/admin/webhooks/{webhook.id}{action}").status_code == 403, action


def test_an_operator_sees_no_link_to_what_they_may_not_do(sign_in: SignIn) -> None:
    webhook = make_webhook()
    page = sign_in("operator").get("/admin/webhooks").text
    assert webhook.name in page
    assert f'href="/admin/webhooks/{webhook.id}' not in page
    assert "/admin/webhooks/new" not in page
    assert "/admin/webhook-deliveries" not in page


def test_an_operator_may_toggle(sign_in: SignIn) -> None:
    webhook = make_webhook()
    answer = sign_in("operator").post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    assert answer.status_code == 303


def test_a_viewer_gets_403_everywhere(sign_in: SignIn) -> None:
    webhook = make_webhook()
    client = sign_in("viewer")
    assert client.get("/admin/webhooks").status_code == 403
    assert client.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}).status_code == 403
    assert "You don&#39;t have access to this page" in client.get("/admin/webhooks").text


def test_each_address_under_admin_and_account_asks_who_is_there(app: Flask, client: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/admin/", "/account")):
            path = rule.build(dict.fromkeys(rule.arguments, 1))
            assert path is not None
            method = "GET" if "GET" in (rule.methods or ()) else "POST"
            answer = client.open(path[1], method=method)
            assert answer.status_code == 302, rule
            assert "/login" in answer.headers["Location"], rule


@pytest.mark.parametrize("role", list(Role))
def test_each_address_answers_403_to_who_is_below_its_role_and_to_nobody_else(
    app: Flask, sign_in: SignIn, role: Role
) -> None:
    client, checked = sign_in(role), 0
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/admin/", "/account")):
            continue
        path = rule.build(dict.fromkeys(rule.arguments, 999))
        assert path is not None
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer, checked = client.open(path[1], method=method, buffered=True), checked + 1
            is_allowed = RANK[role] >= RANK[least_role(rule.endpoint)]
            assert (answer.status_code == 403) != is_allowed, (rule, method, answer.status_code)
    assert checked > 70


def test_each_name_in_the_tables_is_an_endpoint_or_a_blueprint(app: Flask) -> None:
    known = set(app.view_functions) | set(app.blueprints)
    for table in (LEAST_ROLE.keys(), NEEDS_FRESH, NEEDS_NO_FRESH, SETS_UP_SECOND_FACTOR):
        assert table <= known


@pytest.mark.parametrize(
    "path", ["/account/password", "/account/passkeys/new", "/account/recovery-codes/new", "/admin/team/new"]
)
def test_an_hour_after_the_sign_in_this_asks_to_sign_in_again(sign_in: SignIn, path: str) -> None:
    client = sign_in("super_admin")
    assert client.get(path).status_code == 200
    with time_machine.travel(utcnow() + timedelta(hours=1, seconds=1)):
        answer = client.get(path)
        assert answer.headers["Location"] == f"/login?next={path}&again=1"
        page = client.get(answer.headers["Location"])
        assert "Please sign in again before you change this." in page.text
        assert 'value="super_admin@example.com"' in page.text
        assert client.get("/account").status_code == client.get("/admin/team").status_code == 200
        form = {"email": "super_admin@example.com", "password": PASSWORD}
        assert client.post(f"/login?next={path}", data=form).headers["Location"] == path
        assert client.get(path).status_code == 200


def test_a_sign_in_by_a_clock_that_was_ahead_asks_to_sign_in_again(sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    with time_machine.travel(utcnow() - timedelta(hours=2)):
        assert client.get("/account").status_code == 200
        assert client.get("/account/password").headers["Location"] == "/login?next=/account/password&again=1"


def test_what_was_sent_an_hour_later_leads_back_to_its_page(sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    with time_machine.travel(utcnow() + timedelta(hours=1, seconds=1)):
        answer = client.post("/admin/team", headers={"Referer": "http://localhost/admin/team/new"})
        assert answer.headers["Location"] == "/login?next=/admin/team/new&again=1"
        assert client.post("/admin/team", headers=HTMX).headers["HX-Redirect"].startswith("/login?next=")
