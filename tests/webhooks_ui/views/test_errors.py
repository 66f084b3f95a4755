"""Error pages: what they say, and where their links lead."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user, make_webhook
from tests.support.http import HTMX
from webhooks_ui.database import db
from webhooks_ui.run import gunicorn_conf

SignIn = Callable[[str], FlaskClient]


@contextlib.contextmanager
def without_database(app: Flask) -> Iterator[None]:
    """Keep the file of the database away for a while."""
    path = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    db.session.remove()
    db.engine.dispose()
    kept = path.rename(path.with_suffix(".kept"))
    path.mkdir()
    yield
    path.rmdir()
    kept.rename(path)


def links(page: str) -> list[str]:
    """Return the addresses of the buttons on an error page."""
    return re.findall(r'<a class="button(?: primary)?" href="([^"]*)"', page.split('class="error-code"')[1])


def test_an_operator_is_told_the_role_and_led_to_a_page_that_works(sign_in: SignIn) -> None:
    client = sign_in("operator")
    page = client.get("/admin/audit-log")
    assert page.status_code == 403
    assert "You are signed in as operator@example.com with the role operator." in page.text
    assert "This needs the role admin or higher" in page.text
    assert links(page.text) == ["/admin/webhooks"]
    assert client.get("/admin/webhooks").status_code == 200


def test_a_viewer_is_led_out_and_never_to_another_403(sign_in: SignIn) -> None:
    client = sign_in("viewer")
    page = client.get("/admin/webhooks")
    assert page.status_code == 403
    assert "This needs the role operator or higher" in page.text
    addresses = re.findall(r'<a [^>]*href="([^"]*)"', page.text)
    assert "/account" in addresses
    for address in addresses:
        assert address.startswith("#") or client.get(address).status_code == 200, address
    assert 'action="/logout"' in page.text


def test_only_a_super_admin_saves_settings(admin: FlaskClient) -> None:
    assert "needs the role super admin" in admin.post("/admin/settings/webhooks").text


def test_a_delivery_that_is_gone_may_have_been_purged(admin: FlaskClient) -> None:
    for path in ("/admin/webhook-deliveries/7", "/admin/webhook-deliveries/7/body"):
        page = admin.get(path)
        assert page.status_code == 404
        assert "There is no delivery 7" in page.text
        assert "deliveries are kept for 30 days" in page.text
        assert links(page.text) == ["/admin/webhook-deliveries"]


def test_an_event_that_is_gone_may_have_been_purged(admin: FlaskClient) -> None:
    page = admin.get("/admin/events/7")
    assert page.status_code == 404
    assert "There is no event 7" in page.text
    assert "events are kept for 30 days" in page.text
    assert links(page.text) == ["/admin/webhook-deliveries"]


@pytest.mark.parametrize(
    ("section", "title"),
    [
        ("/admin/inspector", "There is no inspector 7"),
        ("/admin/api-keys", "There is no API key 7"),
        ("/admin/team", "There is no person 7"),
        ("/admin/bulk-actions", "There is no bulk action 7"),
    ],
)
def test_what_is_gone_leads_to_its_section(admin: FlaskClient, section: str, title: str) -> None:
    page = admin.get(f"{section}/7")
    assert page.status_code == 404
    assert title in page.text
    assert links(page.text) == [section]


def test_a_webhook_that_is_gone_leads_to_the_list_and_its_log(admin: FlaskClient) -> None:
    page = admin.get("/admin/webhooks/7/edit")
    assert page.status_code == 404
    assert "There is no webhook 7" in page.text
    assert links(page.text) == ["/admin/webhooks", "/admin/webhook-deliveries?webhook=7"]
    assert admin.get("/admin/webhook-deliveries?webhook=7").status_code == 200


def test_an_operator_is_not_led_to_the_log(sign_in: SignIn) -> None:
    answer = sign_in("operator").post("/admin/webhooks/7/active", data={"active": "true"})
    assert answer.status_code == 404
    assert links(answer.text) == ["/admin/webhooks"]


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/admin/webhooks/", "/admin/webhooks"),
        ("/admin/webhooks/?q=a%20b", "/admin/webhooks?q=a%20b"),
        ("/admin/webhooks/1/", "/admin/webhooks/1"),
        ("/admin/settings/webhooks/", "/admin/settings/webhooks"),
        ("/login/", "/login"),
    ],
)
def test_a_slash_too_many_leads_to_the_page(admin: FlaskClient, path: str, leads_to: str) -> None:
    make_webhook()
    answer = admin.get(path)
    assert (answer.status_code, answer.location) == (308, leads_to)


def test_a_slash_too_many_is_no_way_around_the_roles(sign_in: SignIn) -> None:
    client = sign_in("operator")
    assert client.get("/admin/webhooks/", follow_redirects=True).status_code == 200
    assert client.get("/admin/audit-log/", follow_redirects=True).status_code == 403


@pytest.mark.parametrize("path", ["/admin/nothing/", "/admin/webhooks/new/1/", "/nothing/"])
def test_where_there_is_nothing_no_slash_is_dropped(admin: FlaskClient, path: str) -> None:
    assert admin.get(path).status_code == 404


@pytest.fixture
def guarded(app: Flask) -> FlaskClient:
    """Sign in with a client whose forms need a CSRF token."""
    make_user()
    client = app.test_client()
    token = re.search('name="csrf_token" value="([^"]+)"', client.get("/login").text)
    assert token
    form = {"email": "admin@example.com", "password": "correct horse battery", "csrf_token": token[1]}
    assert client.post("/login", data=form).status_code == 303
    return client


def test_an_expired_form_leads_back_to_its_page(guarded: FlaskClient) -> None:
    form_page = "http://localhost/admin/webhooks/new?copy=1"
    answer = guarded.post("/admin/webhooks/new", data={"csrf_token": "old"}, headers={"Referer": form_page})
    assert answer.status_code == 400
    assert "This form has expired" in answer.text
    assert links(answer.text) == ["/admin/webhooks/new?copy=1"]
    foreign = guarded.post("/admin/webhooks/new", headers={"Referer": "https://evil.example/a"})
    assert links(foreign.text) == ["/admin/webhooks"]
    broken = guarded.post("/admin/webhooks/new", headers={"Referer": "http://[x"})
    assert (broken.status_code, links(broken.text)) == (400, ["/admin/webhooks"])


@pytest.mark.parametrize(
    ("referer", "title"),
    [
        (None, "Your browser didn&#39;t say where this form is from"),
        ("https://portal.example.com:8443/login", "This form is from another address"),
        ("https://portal.example.com/login", "Your browser sent no cookie with this form"),
    ],
)
def test_a_form_that_may_be_of_another_site_is_told_from_an_expired_one(
    app: Flask, referer: str | None, title: str
) -> None:
    client = app.test_client()
    base = "https://portal.example.com"
    token = re.search('name="csrf_token" value="([^"]+)"', client.get("/login", base_url=base).text)
    assert token
    if "cookie" in title:
        client = app.test_client()
    headers = {"Referer": referer} if referer else {}
    answer = client.post("/login", base_url=base, data={"csrf_token": token[1]}, headers=headers)
    assert answer.status_code == 400
    assert title in answer.text
    assert "has expired" not in answer.text


def test_htmx_is_told_the_same_with_the_link(guarded: FlaskClient) -> None:
    headers = HTMX | {"Referer": "http://localhost/admin/webhooks?q=a"}
    answer = guarded.post("/admin/webhooks/1/active", data={"active": "true"}, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["HX-Retarget"] == "#alert"
    assert '<a href="/admin/webhooks?q=a">Open the page again</a>' in answer.text


def test_a_form_that_is_too_large_says_what_fits(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = f"/admin/webhooks/{webhook.id}/test"
    answer = admin.post(page, data={"data": "x" * 8_400_000}, headers={"Referer": f"http://localhost{page}"})
    assert answer.status_code == 413
    assert "A form can have up to 2 MiB" in answer.text
    assert links(answer.text)[0] == page


def test_too_many_sign_ins_are_explained(client: FlaskClient) -> None:
    for _ in range(10):
        client.post("/login", data={"email": "a@example.com", "password": "wrong"})
    answer = client.post("/login", data={"email": "a@example.com", "password": "wrong"})
    assert answer.status_code == 429
    assert "too many failed attempts to sign in from your network address or for this account" in answer.text
    assert links(answer.text) == ["/login"]


def test_long_addresses_reach_the_app() -> None:
    assert gunicorn_conf.limit_request_line == 8_190


def test_an_unknown_page_needs_no_database_for_a_visitor(app: Flask, client: FlaskClient) -> None:
    with without_database(app):
        assert client.get("/nothing-here").status_code == 404


def test_an_unknown_page_is_503_for_who_is_signed_in_while_the_database_is_away(app: Flask, admin: FlaskClient) -> None:
    with without_database(app):
        assert admin.get("/nothing-here").status_code == 503
