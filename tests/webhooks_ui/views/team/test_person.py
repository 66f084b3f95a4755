"""What a super admin may do to a person."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.http import HTMX
from tests.support.people import PASSWORD, again, is_signed_in, last_entry, session_count, start_session, with_app
from webhooks_ui.database import db
from webhooks_ui.models import Passkey, User, UserStatus
from webhooks_ui.views.team.person import CHANGES

SignIn = Callable[[str], FlaskClient]
TEAM = "/admin/team"


@pytest.fixture
def owner(sign_in: SignIn) -> FlaskClient:
    return sign_in("super_admin")


@pytest.fixture
def eva(app: Flask, owner: FlaskClient) -> User:
    """Make an admin with a second factor, single sign-on and a session."""
    eva = with_app(make_user("eva@example.com", name="Eva", oidc_issuer="https://login.example.com", oidc_subject="1"))
    eva.passkeys.append(Passkey(name="Phone", credential_id="abc", public_key=b"key", sign_count=0))
    db.session.commit()
    start_session(app.test_client(), eva)
    return again(eva)


def offered(client: FlaskClient, user: User) -> set[str]:
    page = client.get(f"{TEAM}/{user.id}").text
    return set(re.findall(rf'href="{TEAM}/{user.id}/([a-z-]+)"', page))


def test_the_page_says_what_is_known(owner: FlaskClient, eva: User) -> None:
    page = owner.get(f"{TEAM}/{eva.id}").text
    for text in ("Eva", "eva@example.com", "Password, Authenticator app, Passkey, Single sign-on", "Active"):
        assert text in page
    assert re.search(r"<dt>Sessions</dt><dd>1</dd>", page)
    assert 'href="/admin/audit-log?actor=eva@example.com"' in page


def test_each_change_asks_first_and_changes_nothing_by_asking(owner: FlaskClient, eva: User) -> None:
    for name in CHANGES:
        page = owner.get(f"{TEAM}/{eva.id}/{name}")
        assert page.status_code == 200
        assert "Eva" in page.text
        for effect in CHANGES[name].effects:
            assert effect in page.text
    assert again(eva).status == UserStatus.ACTIVE
    assert session_count(eva) == 1


def test_only_what_makes_sense_is_offered(owner: FlaskClient, eva: User) -> None:
    assert offered(owner, eva) == {"reset-password", "reset-second-factor", "unlink", "end-sessions", "deactivate"}
    assert offered(owner, make_user("invited@example.com", joined_at=None)) == {"invite-again", "deactivate"}
    oneself = db.session.scalars(db.select(User).filter_by(email="super_admin@example.com")).one()
    assert offered(owner, oneself) == {"deactivate"}
    owner.post(f"{TEAM}/{eva.id}/deactivate")
    assert "activate" in offered(owner, eva)
    assert not offered(owner, eva) & {"deactivate", "reset-password"}


def test_deactivating_ends_sessions_and_keeps_out_until_activated(app: Flask, owner: FlaskClient) -> None:
    adam, browser = make_user("adam@example.com"), app.test_client()
    start_session(browser, adam)
    answer = owner.post(f"{TEAM}/{adam.id}/deactivate", follow_redirects=True)
    assert "adam@example.com was deactivated." in answer.text
    assert not is_signed_in(browser)
    form = {"email": "adam@example.com", "password": PASSWORD}
    assert browser.post("/login", data=form).status_code == 422
    assert last_entry("user.deactivated").actor == "super_admin@example.com"
    owner.post(f"{TEAM}/{adam.id}/activate")
    assert browser.post("/login", data=form).status_code == 303


def test_a_new_role_counts_at_once_and_ends_sessions(app: Flask, owner: FlaskClient) -> None:
    adam, browser = make_user("adam@example.com"), app.test_client()
    start_session(browser, adam)
    answer = owner.post(f"{TEAM}/{adam.id}/role", data={"role": "operator"})
    assert answer.status_code == 303
    assert (again(adam).role, is_signed_in(browser)) == ("operator", False)
    assert last_entry("user.role_changed").after == {"role": "operator"}


@pytest.mark.parametrize("role", ["king", "", "\0"])
def test_a_role_that_does_not_exist_is_told(owner: FlaskClient, eva: User, role: str) -> None:
    answer = owner.post(f"{TEAM}/{eva.id}/role", data={"role": role})
    assert answer.status_code == 422
    assert "The role must be one of" in answer.text
    assert again(eva).role == "admin"


def test_the_last_super_admin_keeps_the_role_and_the_account(owner: FlaskClient) -> None:
    answer = owner.post(f"{TEAM}/1/role", data={"role": "admin"})
    assert answer.status_code == 422
    assert "is the last super admin" in answer.text
    assert "is the last super admin" in owner.post(f"{TEAM}/1/deactivate", follow_redirects=True).text
    assert owner.get(TEAM).status_code == 200
    make_user("second@example.com", "super_admin")
    assert owner.post(f"{TEAM}/1/role", data={"role": "admin"}).status_code == 303
    assert not is_signed_in(owner)


def test_a_reset_password_gives_a_link(app: Flask, owner: FlaskClient, eva: User) -> None:
    page = owner.post(f"{TEAM}/{eva.id}/reset-password", follow_redirects=True).text
    link = re.search(r">(http[^<]+/new-passwords/[^<]+)</textarea>", page)
    assert link
    assert (again(eva).password_hash, session_count(eva), eva.has_totp) == (None, 0, True)
    assert app.test_client().get(link[1].removeprefix(app.config["PUBLIC_URL"])).status_code == 200


def test_a_reset_second_factor_is_gone(owner: FlaskClient, eva: User) -> None:
    owner.post(f"{TEAM}/{eva.id}/reset-second-factor")
    assert not again(eva).has_second_factor
    assert session_count(eva) == 0


def test_unlinking_and_ending_sessions(owner: FlaskClient, eva: User) -> None:
    owner.post(f"{TEAM}/{eva.id}/end-sessions")
    assert session_count(eva) == 0
    owner.post(f"{TEAM}/{eva.id}/unlink")
    assert not again(eva).is_linked


@pytest.mark.parametrize("name", [name for name, change in CHANGES.items() if not change.also_for_oneself])
def test_nobody_does_this_to_the_own_account(owner: FlaskClient, name: str) -> None:
    make_user("second@example.com", "super_admin")
    page = owner.post(f"{TEAM}/1/{name}", follow_redirects=True).text
    assert "to your own account here" in page
    assert is_signed_in(owner)
    assert again(db.session.get_one(User, 1)).has_password(PASSWORD)


def test_an_admin_changes_nobody(sign_in: SignIn) -> None:
    eva = make_user("eva@example.com")
    client = sign_in("admin")
    assert client.get(f"{TEAM}/{eva.id}").status_code == 200
    for name in CHANGES:
        assert client.get(f"{TEAM}/{eva.id}/{name}").status_code == 403
        assert client.post(f"{TEAM}/{eva.id}/{name}").status_code == 403
    assert client.post(f"{TEAM}/{eva.id}/role", data={"role": "super_admin"}).status_code == 403


@pytest.mark.parametrize("path", ["/999", "/999/deactivate", "/1/nonsense", f"/{'9' * 30}", "/x"])
def test_what_does_not_exist_is_a_404(owner: FlaskClient, path: str) -> None:
    assert owner.get(TEAM + path).status_code == 404
    assert owner.post(f"{TEAM}{path}").status_code in (404, 405)


def test_htmx_is_sent_to_the_page_too(owner: FlaskClient, eva: User) -> None:
    answer = owner.post(f"{TEAM}/{eva.id}/deactivate", headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, f"{TEAM}/{eva.id}")
