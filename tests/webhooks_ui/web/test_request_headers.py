"""Any value in any header that is read gives an answer, and foreign hosts are refused."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.factories import make_api_key, make_webhook
from tests.support.http import HTMX

LATIN = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
ADDRESSES = LATIN | st.sampled_from(
    ["http://[bad", "http://a:99999/", "http://a:x/", "//", "http://localhost:0/", "http://[::1", "http://\xff/?a=\xff"]
)
HEADERS = {
    "Referer": ADDRESSES,
    "HX-Current-URL": ADDRESSES,
    "HX-Request": LATIN,
    "HX-Boosted": LATIN,
    "HX-History-Restore-Request": LATIN,
    "HX-Target": LATIN | st.just("delivery-1"),
    "HX-Trigger": LATIN | st.sampled_from(["webhook-filters", "delivery-filters"]),
    "Origin": ADDRESSES,
    "Host": LATIN | st.sampled_from(["[bad", "a:99999", "a b", "", "a@b", "\xff", "..", "a" * 300]),
    "Cookie": LATIN | st.sampled_from(["theme=\xff", "session=a.b.c", "session=", "remember_token=1|a"]),
    "Authorization": LATIN
    | st.sampled_from(["Bearer", "Bearer \xff", "Basic !", "Basic ////", "Digest a=b,", "Bearer a=b"]),
    "Accept-Encoding": LATIN | st.sampled_from(["gzip;q=x", "gzip;q=-1", "*;q=", "gzip;q=1e999"]),
    "Accept": LATIN,
    "Content-Encoding": LATIN,
    "Content-Type": LATIN
    | st.sampled_from(["multipart/form-data", "multipart/form-data; boundary=\xff", "text/plain;charset=x"]),
    "If-None-Match": LATIN,
    "If-Modified-Since": LATIN | st.just("Mon, 99 Nov 99999 99:99:99 GMT"),
    "Range": LATIN | st.sampled_from(["bytes=", "bytes=-1", "bytes=9-1", "bytes=0-999999999999999999999999"]),
    "X-Forwarded-For": LATIN,
    "X-CSRFToken": LATIN,
}
PAGES = st.sampled_from(
    [
        ("GET", "/login"),
        ("POST", "/login"),
        ("POST", "/theme"),
        ("POST", "/environment"),
        ("GET", "/admin"),
        ("GET", "/admin//webhooks"),
        ("GET", "/admin/webhooks"),
        ("GET", "/admin/webhooks/1"),
        ("GET", "/admin/webhooks/1/edit"),
        ("POST", "/admin/webhooks/1/active"),
        ("POST", "/admin/webhooks/99/active"),
        ("GET", "/admin/webhook-deliveries"),
        ("GET", "/admin/webhook-deliveries/99"),
        ("GET", "/admin/notices"),
        ("GET", "/assets/nothing.css"),
        ("GET", "/metrics"),
        ("POST", "/api/v1/events"),
        ("GET", "/api/v1/webhooks"),
        ("GET", "/nothing"),
    ]
)
SETTINGS = settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(
    page=PAGES,
    headers=st.fixed_dictionaries({}, optional=HEADERS),
    https=st.booleans(),
    signed_in=st.booleans(),
    csrf=st.booleans(),
)
@example(("GET", "/admin/webhooks/1"), {"Referer": "http://[bad"}, False, True, False)
@example(("POST", "/theme"), {"Referer": "http://[bad"}, True, True, True)
@example(("GET", "/admin/webhooks"), {"HX-Request": "true", "HX-Current-URL": "http://[bad"}, False, False, False)
@example(("POST", "/admin/webhooks/1/active"), {"HX-Request": "true", "HX-Current-URL": "//["}, False, True, False)
def test_any_header_gives_an_answer(
    app: Flask,
    admin: FlaskClient,
    page: tuple[str, str],
    headers: dict[str, str],
    https: bool,
    signed_in: bool,
    csrf: bool,
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["WTF_CSRF_ENABLED"] = csrf
    client = admin if signed_in else app.test_client()
    method, path = page
    base = "https://localhost" if https else "http://localhost"
    form = {"active": "true", "theme": "dark", "email": "a@example.com", "password": "b", "next": "//[bad"}
    answer = client.open(path, method=method, base_url=base, headers=headers, data=form if method == "POST" else None)
    assert answer.status_code < 500, answer.text[:300]


def test_an_address_that_is_none_counts_as_not_sent(admin: FlaskClient) -> None:
    webhook = make_webhook()
    page = admin.get(f"/admin/webhooks/{webhook.id}", headers={"Referer": "http://[bad"})
    assert page.status_code == 200
    answer = admin.post(
        f"/admin/webhooks/{webhook.id}/active",
        data={"active": "false"},
        headers=HTMX | {"HX-Current-URL": "http://[bad"},
    )
    assert answer.status_code == 200


def test_a_form_after_the_session_with_an_origin_that_is_none_leads_to_the_sign_in_page(client: FlaskClient) -> None:
    answer = client.post("/admin/settings/webhooks", headers={"Origin": "http://[bad"})
    assert answer.headers["Location"].startswith("/login")


def test_only_allowed_hosts_are_answered(app: Flask, client: FlaskClient) -> None:
    app.config["ALLOWED_HOSTS"] = ["portal.example.com", ".internal.example"]
    for host in ("portal.example.com", "PORTAL.example.com:8443", "internal.example", "a.internal.example"):
        assert client.get("/login", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "portal.example.com.evil.example", "xportal.example.com", ""):
        answer = client.get("/login", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "evil.example" not in answer.text
        assert "add it to ALLOWED_HOSTS" in answer.text
    problem = client.get("/api/v1/webhooks", headers={"Host": "evil.example"})
    assert problem.status_code == 400
    assert "ALLOWED_HOSTS" in problem.get_json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_may_ask_for_the_address_of_a_machine(app: Flask, client: FlaskClient, path: str) -> None:
    app.config["ALLOWED_HOSTS"] = ["portal.example.com"]
    assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code in (200, 503)


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin//webhooks?a=b", "/admin/webhooks/"])
def test_a_redirect_names_no_host(client: FlaskClient, path: str) -> None:
    answer = client.open(path, headers={"Host": "evil.example"})
    assert answer.status_code in (302, 308)
    assert answer.headers["Location"].startswith(("/admin/webhooks", "/login"))


def test_the_api_is_reachable_by_an_allowed_host(app: Flask, client: FlaskClient) -> None:
    app.config["ALLOWED_HOSTS"] = ["portal.example.com"]
    _, key = make_api_key()
    headers = {"Authorization": f"Bearer {key}", "Host": "portal.example.com"}
    assert client.get("/api/v1/webhooks", headers=headers).status_code == 200
