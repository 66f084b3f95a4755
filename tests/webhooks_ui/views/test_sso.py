"""Single sign-on through a real provider."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.urls import iri_to_uri

from tests.support.factories import make_user
from tests.support.people import (
    actions,
    again,
    code_of,
    copy_of,
    is_signed_in,
    last_entry,
    session_count,
    start_session,
    with_app,
)
from tests.support.provider import Provider, providing
from webhooks_ui import create_app
from webhooks_ui.database import db, writing
from webhooks_ui.models import User, UserSession, set_settings, utcnow
from webhooks_ui.people import accounts
from webhooks_ui.web import oidc

CALLBACK = "/login/sso/callback"


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with providing() as provider:
        provider.describe("eva", email="Eva@example.com", email_verified=True, name="Eva Muster", groups=["admins"])
        provider.describe("adam", email="adam@example.com", email_verified=False)
        yield provider


@pytest.fixture
def provider(app: Flask, running: Provider) -> Provider:
    """Let people sign in through the provider."""
    use(app, running)
    return running


def use(app: Flask, provider: Provider, **fields: Any) -> None:
    app.config["OIDC"] = provider.settings(**fields)


def test_the_sign_in_page_names_the_provider(app: Flask, client: FlaskClient, provider: Provider) -> None:
    use(app, provider, name="Example Login")
    page = client.get("/login?next=/admin/audit-log").text
    assert "Sign in with Example Login" in page
    assert 'href="/login/sso?next=/admin/audit-log"' in page


def test_without_a_provider_there_is_nothing_to_see(client: FlaskClient) -> None:
    assert "/login/sso" not in client.get("/login").text
    assert client.get("/login/sso").status_code == client.get(CALLBACK).status_code == 404


def test_the_browser_is_sent_with_state_nonce_and_pkce_and_to_the_public_address(
    app: Flask, client: FlaskClient, provider: Provider
) -> None:
    app.config["PUBLIC_URL"] = "https://portal.example.com"
    away = urlsplit(client.get("/login/sso", headers={"Host": "evil.example"}).headers["Location"])
    sent = parse_qs(away.query)
    assert f"{away.scheme}://{away.netloc}" == provider.issuer
    assert sent["redirect_uri"] == [f"https://portal.example.com{CALLBACK}"]
    assert sent["scope"] == ["openid email profile"]
    assert sent["code_challenge_method"] == ["S256"]
    assert all(len(sent[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))


def test_an_account_with_the_verified_address_is_signed_in(client: FlaskClient, provider: Provider) -> None:
    user = make_user("eva@example.com", "admin")
    answer = provider.sign_in(client, "eva", next="/admin/audit-log")
    assert answer.headers["Location"] == "/admin/audit-log"
    assert is_signed_in(client)
    assert (again(user).oidc_issuer, user.oidc_subject) == (provider.issuer, "eva")
    assert actions() == ["user.sso_linked", "user.signed_in"]
    assert last_entry("user.signed_in").after == {"by": "single sign-on"}
    assert f"Linked to {provider.issuer}" in client.get("/account").text


def test_a_silent_sign_in_at_the_provider_is_not_a_fresh_one(client: FlaskClient, provider: Provider) -> None:
    make_user("ines@example.com", "super_admin")
    ines = {"email": "ines@example.com", "email_verified": True}
    change = "/account/passkeys/new"
    provider.describe("ines", **ines, auth_time=int(utcnow().timestamp()) - 3_700)
    provider.sign_in(client, "ines")
    assert client.get("/admin/team").status_code == 200
    page = client.get(client.get(change).headers["Location"])
    assert "Please sign in again before you change this." in page.text
    assert "prompt=login" in client.get("/login/sso?again=1").headers["Location"]
    provider.describe("ines", **ines, auth_time=int(utcnow().timestamp()) - 60)
    assert provider.sign_in(client, "ines", next=change, again="1").headers["Location"] == change
    assert client.get(change).status_code == 200


@pytest.mark.parametrize("auth_time", [None, 10**10])
def test_a_provider_that_does_not_tell_when_it_asked_must_be_made_to_ask(
    client: FlaskClient, provider: Provider, auth_time: int | None
) -> None:
    make_user("ole@example.com", "super_admin")
    provider.describe("ole", email="ole@example.com", email_verified=True, auth_time=auth_time)
    change = "/account/passkeys/new"
    provider.sign_in(client, "ole")
    for _ in range(2):  # a question that was left open counts for nothing
        assert client.get(change).headers["Location"] == f"/login?next={change}&again=1"
        client.get("/login/sso?again=1")
        provider.sign_in(client, "ole")
    assert provider.sign_in(client, "ole", next=change, again="1").headers["Location"] == change
    assert client.get(change).status_code == 200


def test_the_clock_of_the_provider_may_be_a_little_ahead(client: FlaskClient, provider: Provider) -> None:
    make_user("ida@example.com", "admin")
    at = int(utcnow().timestamp()) + 60
    provider.describe("ida", email="ida@example.com", email_verified=True, auth_time=at)
    provider.sign_in(client, "ida")
    assert client.get("/account/passkeys/new").status_code == 200


@pytest.mark.parametrize("odd", [None, 0, -1, True, "x", [1], 10**20])
def test_an_odd_time_of_the_provider_counts_for_nothing(client: FlaskClient, provider: Provider, odd: object) -> None:
    make_user("odd@example.com", "admin")
    provider.describe("odd", email="odd@example.com", email_verified=True, auth_time=odd)
    answer = provider.sign_in(client, "odd")
    assert (answer.status_code, is_signed_in(client)) in [(303, True), (503, False)]


@pytest.mark.parametrize("letters", ["aZ09", "äöü日本"])
@pytest.mark.parametrize(("length", "is_kept"), [(100, True), (7_000, False)])
def test_the_cookie_stays_small_also_if_the_way_back_is_long(
    client: FlaskClient, provider: Provider, letters: str, length: int, is_kept: bool
) -> None:
    make_user("eva@example.com", "admin")
    path = "/admin/webhooks?q=" + "".join(random.choices(letters, k=length))
    for _ in range(4):
        away = client.get("/login/sso", query_string={"next": path})
        assert len(away.headers["Set-Cookie"]) < 4_096
    back = provider.sign_in(client, "eva", next=path).headers["Location"]
    assert back == (iri_to_uri(path) if is_kept else "/admin/webhooks")


def test_the_table_of_roles_lets_new_people_in(app: Flask, client: FlaskClient, provider: Provider) -> None:
    use(app, provider, allowed_domains=("example.com",), roles=(("admins", "admin"),), role_claim="groups")
    assert provider.sign_in(client, "eva").headers["Location"] == "/admin/webhooks"
    user = db.session.scalars(db.select(User)).one()
    assert (user.email, user.role, user.name) == ("eva@example.com", "admin", "Eva Muster")
    assert client.get("/admin/audit-log").status_code == 200


@pytest.mark.parametrize(
    ("subject", "fields", "sentence"),
    [
        ("eva", {}, "There is no account for eva@example.com"),
        ("adam", {}, "verified the address adam@example.com"),
        ("eva", {"allowed_domains": ("other.example",)}, "Addresses of example.com may not sign in here"),
        ("eva", {"roles": (("owners", "admin"),)}, "gives you no role here"),
    ],
)
def test_who_may_not_come_in_is_told_why(
    app: Flask, client: FlaskClient, provider: Provider, subject: str, fields: dict[str, Any], sentence: str
) -> None:
    use(app, provider, **fields)
    answer = provider.sign_in(client, subject)
    assert answer.status_code == 403
    assert sentence in answer.text
    assert not is_signed_in(client)
    assert "single sign-on: " in str(last_entry("user.sign_in_failed").after)


def test_who_gives_up_at_the_provider_comes_back_to_the_sign_in_page(client: FlaskClient, provider: Provider) -> None:
    answer = client.get(provider.way_back(client, {"action": "deny"}))
    assert answer.status_code == 400
    assert "access was denied" in answer.text
    assert 'href="/login/sso"' in answer.text


def test_an_answer_works_once_and_only_in_the_browser_that_asked(
    app: Flask, client: FlaskClient, provider: Provider
) -> None:
    user = make_user("eva@example.com")
    back = provider.way_back(client, {"sub": "eva"})
    victim = app.test_client()
    assert victim.get(back).status_code == 400
    assert not is_signed_in(victim)
    thief = copy_of(client)
    assert client.get(back).status_code in (302, 303)
    assert thief.get(back).status_code == 400
    assert session_count(user) == 1


def test_a_second_tab_in_which_signing_in_was_begun_goes_on_too(client: FlaskClient, provider: Provider) -> None:
    user = make_user("eva@example.com")
    tabs = [provider.way_back(client, {"sub": "eva"}) for _ in range(2)]
    for tab in tabs:
        assert client.get(tab).headers["Location"] == "/admin/webhooks"
    assert session_count(user) == 1


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Please start again."),
        ("?code=x", "Please start again."),
        ("?state=x&code=x", "Please start again."),
        ("?error=x", "The provider didn&#39;t sign you in."),
        ("?error=server_error&state=%00", "The provider didn&#39;t sign you in."),
    ],
)
def test_an_answer_that_nobody_asked_for_is_refused(
    client: FlaskClient, provider: Provider, query: str, sentence: str
) -> None:
    answer = client.get(f"{CALLBACK}{query}")
    assert answer.status_code == 400
    assert sentence in answer.text


@pytest.mark.parametrize("issuer", ["http://localhost:1", "{issuer}/elsewhere", "{issuer}/oauth2"])
def test_a_provider_that_can_not_be_used_is_told_and_logged(
    app: Flask, client: FlaskClient, provider: Provider, caplog: pytest.LogCaptureFixture, issuer: str
) -> None:
    app.config["OIDC"] = Provider(issuer.format(issuer=provider.issuer)).settings()
    answer = client.get("/login/sso")
    assert answer.status_code == 503
    assert "The provider can&#39;t be used right now" in answer.text
    assert 'name="password"' in answer.text
    assert "Single sign-on failed" in caplog.text


def test_a_provider_that_calls_itself_otherwise_is_refused(app: Flask, client: FlaskClient, provider: Provider) -> None:
    make_user("eva@example.com")
    app.config["OIDC"] = Provider(provider.issuer.replace("localhost", "127.0.0.1")).settings()
    back = provider.way_back(client, {"sub": "eva"})
    # The discovered issuer follows the name in the request, so the mock can't lie. This changes what was asked for.
    app.extensions["oidc_clients"][provider.settings()] = app.extensions["oidc_clients"][app.config["OIDC"]]
    app.config["OIDC"] = provider.settings()
    assert client.get(back).status_code == 503
    assert not is_signed_in(client)


def test_the_second_factor_of_the_account_is_asked_for(client: FlaskClient, provider: Provider) -> None:
    user = with_app(make_user("eva@example.com"))
    answer = provider.sign_in(client, "eva", next="/admin/audit-log")
    assert answer.headers["Location"] == "/login/second-factor?next=/admin/audit-log"
    assert not is_signed_in(client)
    done = client.post(answer.headers["Location"], data={"code": code_of(user)})
    assert done.headers["Location"] == "/admin/audit-log"
    assert last_entry("user.signed_in").after == {"by": "single sign-on and authenticator app"}


def test_a_provider_that_asked_for_two_factors_is_believed(client: FlaskClient, provider: Provider) -> None:
    with_app(make_user("mia@example.com"))
    provider.describe("mia", email="mia@example.com", email_verified=True, amr=["pwd", "mfa"])
    set_settings({"second_factor_roles": ["admin"]})
    db.session.commit()
    provider.sign_in(client, "mia")
    assert client.get("/admin/webhooks").status_code == 200
    assert db.session.scalars(db.select(UserSession.two_factors)).one()


def test_who_is_signed_in_as_another_gets_a_new_session(client: FlaskClient, provider: Provider) -> None:
    other = make_user()
    start_session(client, other)
    make_user("eva@example.com")
    provider.sign_in(client, "eva")
    assert "eva@example.com" in client.get("/account").text
    assert session_count(other) == 0


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "http://["])
def test_it_leads_to_no_other_site(client: FlaskClient, provider: Provider, target: str) -> None:
    make_user("eva@example.com")
    assert provider.sign_in(client, "eva", next=target).headers["Location"] == "/admin/webhooks"


def test_a_deactivated_account_stays_closed(client: FlaskClient, provider: Provider) -> None:
    user = make_user("eva@example.com")
    with writing():
        accounts.deactivate(accounts.lock_among_super_admins(user.id) or user)
    answer = provider.sign_in(client, "eva")
    assert answer.status_code == 403
    assert "is deactivated" in answer.text


def test_many_sign_ins_that_were_begun_fit_into_the_cookie(client: FlaskClient, provider: Provider) -> None:
    for _ in range(20):
        client.get("/login/sso")
    cookie = client.get_cookie("session")
    assert cookie
    assert len(cookie.value) < 3_500


def test_a_provider_that_hangs_holds_half_of_the_threads_and_no_more(
    settings: dict[str, object], running: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings | {"WEB_THREADS": 4, "OIDC": running.settings()})
    waiting, answers = threading.Semaphore(0), threading.Event()

    def hang(*_: object, **__: object) -> NoReturn:
        waiting.release()
        answers.wait(10)
        raise oidc.Unusable

    monkeypatch.setattr(oidc, "redirect_to", hang)
    monkeypatch.setattr(oidc, "claims_of_answer", hang)
    addresses = ["/login/sso", CALLBACK]
    with ThreadPoolExecutor(len(addresses)) as pool:
        begun = [pool.submit(app.test_client().get, address) for address in addresses]
        for _ in addresses:
            assert waiting.acquire(timeout=10)
        for address in addresses:
            refused = app.test_client().get(address)
            assert refused.status_code == 503
            assert "Too many people are waiting for the provider." in refused.text
        answers.set()
        assert [each.result().status_code for each in begun] == [503, 503]
    assert "can&#39;t be used right now" in app.test_client().get("/login/sso").text, "the places are free again"
