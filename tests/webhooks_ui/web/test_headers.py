"""Response headers, assets and error pages."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from tests.support.http import HTMX
from webhooks_ui.views.webhooks import listing
from webhooks_ui.web.assets import asset_url


def test_the_content_security_policy_holds_nothing_unsafe(client: FlaskClient) -> None:
    policy = client.get("/login").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_are_kept_by_no_cache(admin: FlaskClient) -> None:
    assert admin.get("/admin/webhooks").headers["Cache-Control"] == "no-store"
    assert admin.get("/admin/webhooks").headers["X-Content-Type-Options"] == "nosniff"


def test_pages_hold_no_inline_script_or_style(admin: FlaskClient) -> None:
    for path in ("/admin/webhooks", "/admin/webhooks/new"):
        page = admin.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


@pytest.mark.parametrize("name", ["app.css", "app.js", "htmx.js", "icons.svg", "favicon.svg"])
def test_an_asset_with_its_version_is_kept_for_ever(app: Flask, client: FlaskClient, name: str) -> None:
    with app.test_request_context():
        address = asset_url(name)
    answer = client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.data) > 100


def test_caches_keep_one_answer_for_all_people(app: Flask, admin: FlaskClient) -> None:
    with app.test_request_context():
        address = asset_url("app.css")
    assert admin.get(address).headers["Vary"] == "Accept-Encoding"
    assert "Cookie" not in admin.get("/healthz").headers.get("Vary", "")
    assert "Cookie" in admin.get("/admin/webhooks").headers["Vary"]


def test_an_unknown_asset_is_a_404_that_no_cache_keeps(admin: FlaskClient) -> None:
    """The page shows who is signed in, and caches may keep a 404 that forbids nothing (RFC 9110, 15.1)."""
    answer = admin.get("/assets/passwd")
    assert answer.status_code == 404
    assert "admin@example.com" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_files_that_assets_are_made_of_have_no_address_of_their_own(client: FlaskClient) -> None:
    """The web server's sockets don't block, so that it can't send open files as Flask's own route for them does."""
    for name in ("js/app.js", "css/base.css", "icons.svg"):
        assert client.get(f"/static/{name}").status_code == 404


def test_an_unknown_page_helps(admin: FlaskClient) -> None:
    answer = admin.get("/admin/nothing-here")
    assert answer.status_code == 404
    assert "Page not found" in answer.text


def test_a_wrong_method_says_which_are_right(admin: FlaskClient) -> None:
    answer = admin.post("/admin/webhooks")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_an_error_reaches_htmx_as_an_alert(admin: FlaskClient) -> None:
    answer = admin.get("/admin/webhooks/999", headers=HTMX)
    assert answer.status_code == 404
    assert answer.headers["HX-Retarget"] == "#alert"
    assert "<html" not in answer.text


def test_a_database_that_is_locked_is_a_503_page(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(listing, "find_page", fail)
    answer = admin.get("/admin/webhooks")
    assert answer.status_code == 503
    assert "can&#39;t be reached right now" in answer.text
    assert "locked" not in answer.text
    assert answer.headers["Retry-After"] == "5"


def test_a_crash_is_a_page_without_a_traceback(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("private detail")

    admin.application.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(listing, "find_page", fail)
    answer = admin.get("/admin/webhooks")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "private detail" not in answer.text
