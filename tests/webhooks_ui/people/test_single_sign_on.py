"""Single sign-on: whom the provider's words let in, and with which role."""

import re
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.factories import make_user
from tests.support.meanwhile import waits
from tests.support.people import actions, again, last_entry, session_count
from tests.support.waiting import wait_for
from tests.webhooks_ui.people.test_sessions import start
from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.models import User, utcnow
from webhooks_ui.people import accounts, single_sign_on
from webhooks_ui.people.accounts import Refused
from webhooks_ui.people.second_factor import Factor

PROVIDER = OidcProvider("https://login.example.com", "portal", "secret")
ROLES = (("portal-admins", "admin"), ("portal-operators", "operator"), ("portal-owners", "super_admin"))
WITH_ROLES = OidcProvider(
    "https://login.example.com", "portal", "secret", allowed_domains=("example.com",), roles=ROLES
)
EVA = {"iss": "https://login.example.com", "sub": "1", "email": "Eva@Example.com", "email_verified": True}


def admit(provider: OidcProvider = PROVIDER, **claims: Any) -> User:
    with writing():
        return single_sign_on.admit(provider, EVA | claims)


def test_an_account_is_linked_by_its_verified_address_and_found_by_the_link_from_then_on(app: Flask) -> None:
    user = make_user("eva@example.com", "operator")
    assert admit().id == user.id
    user = again(user)
    assert (user.oidc_issuer, user.oidc_subject, user.role) == ("https://login.example.com", "1", "operator")
    assert actions() == ["user.sso_linked"]
    assert admit(email="eva.neu@example.com").id == user.id
    assert again(user).email == "eva@example.com"


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}, {"email": ""}]
)
def test_whoever_is_linked_needs_no_verified_address_unless_its_domain_counts(
    app: Flask, claims: dict[str, Any]
) -> None:
    user = make_user("eva@example.com")
    admit()
    assert admit(**claims).id == user.id
    with pytest.raises(Refused, match=r"hasn't verified|didn't tell"):
        admit(WITH_ROLES, groups=["portal-admins"], **claims)


def test_whoever_is_unlinked_meanwhile_stays_so(app: Flask) -> None:
    user = make_user("eva@example.com")
    admit()
    refusals: list[str] = []

    def come() -> None:
        with app.app_context(), pytest.raises(Refused) as refused:
            admit(email_verified=False)
        refusals.append(str(refused.value))

    thread = threading.Thread(target=come)
    with write_transaction() as connection:
        connection.execute(update(User).values(oidc_issuer=None, oidc_subject=None))
        thread.start()
        wait_for(lambda: waits(thread, "admit", connection), what="the sign-in waits for the other transaction")
    thread.join()
    assert re.search("was unlinked|hasn't verified", refusals[0])
    db.session.rollback()
    assert not again(user).is_linked


@pytest.mark.parametrize("verified", [False, None, "false", 0, "yes"])
def test_an_address_that_is_not_verified_opens_nothing(app: Flask, verified: object) -> None:
    user = make_user("eva@example.com")
    with pytest.raises(Refused, match="hasn't verified the address eva@"):
        admit(email_verified=verified)
    assert not again(user).is_linked


@pytest.mark.parametrize(
    ("token", "more", "expected"),
    [
        ({"email": "eva@a.example"}, {"email": "EVA@a.example ", "email_verified": True}, True),
        ({"email": "eva@a.example"}, {"email_verified": True}, True),
        ({"email": "eva@a.example"}, {"email": "eva@b.example", "email_verified": True}, None),
        ({"email": "eva@a.example"}, {"email": ["eva@a.example"], "email_verified": True}, None),
        (
            {"email": "eva@a.example", "email_verified": False},
            {"email": "eva@b.example", "email_verified": True},
            False,
        ),
        ({}, {"email": "eva@b.example", "email_verified": True}, True),
    ],
)
def test_that_an_address_is_verified_is_said_of_that_address_alone(
    token: dict[str, Any], more: dict[str, Any], expected: bool | None
) -> None:
    claims = single_sign_on.with_more({"sub": "1"} | token, {"sub": "1", "groups": ["a"]} | more)
    assert claims.get("email_verified") is expected
    assert (claims["email"], claims["groups"]) == (token.get("email", "eva@b.example"), ["a"])


@pytest.mark.parametrize("subject", ["", "a\0b", "a\n"])
def test_an_id_that_is_none_links_nobody(app: Flask, subject: str) -> None:
    user = make_user("eva@example.com")
    with pytest.raises(Refused, match="can't be used"):
        admit(sub=subject)
    assert not again(user).is_linked


@pytest.mark.parametrize("email", ["", None, "eva", "eva@", "eva @example.com", ["eva@example.com"]])
def test_without_an_address_nobody_gets_in(app: Flask, email: object) -> None:
    make_user("eva@example.com")
    with pytest.raises(Refused, match="didn't tell your email address"):
        admit(email=email)


@pytest.mark.parametrize("email", ["eva@evil.example", "eva@sub.example.com", "eva@example.com.evil.example"])
def test_an_address_of_another_domain_is_refused(app: Flask, email: str) -> None:
    make_user(email)
    with pytest.raises(Refused, match="may not sign in here"):
        admit(WITH_ROLES, email=email, groups=["portal-admins"])


def test_without_a_table_of_roles_nobody_new_gets_in(app: Flask) -> None:
    with pytest.raises(Refused, match="There is no account for eva@"):
        admit()


def test_who_was_invited_joins_by_signing_in(app: Flask) -> None:
    with writing():
        invited, _ = accounts.invite("eva@example.com", "operator")
    user = admit(name="Eva Muster")
    assert (user.id, user.status, user.role, user.name) == (invited.id, "active", "operator", "Eva Muster")
    assert actions() == ["user.invited", "user.sso_linked", "user.joined"]


def test_the_table_lets_new_people_in_with_a_role(app: Flask) -> None:
    user = admit(WITH_ROLES, groups=["staff", "portal-operators"], name="Eva\nMuster")
    assert (user.email, user.role, user.name, user.password_hash) == ("eva@example.com", "operator", "Eva Muster", None)
    assert actions() == ["user.created", "user.sso_linked", "user.joined"]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["portal-operators", "portal-owners", "portal-admins"], "super_admin"),
        (["portal-operators", "portal-admins"], "admin"),
        ("portal-admins", "admin"),
    ],
)
def test_of_several_roles_the_highest_counts(app: Flask, groups: object, role: str) -> None:
    assert admit(WITH_ROLES, groups=groups).role == role


@pytest.mark.parametrize("groups", [None, [], "", ["staff"], "staff", {"portal-admins": 1}, [["portal-admins"]]])
def test_who_has_no_role_in_the_table_is_refused_even_with_an_account(app: Flask, groups: object) -> None:
    user = make_user("eva@example.com", "admin")
    with pytest.raises(Refused, match="gives you no role here"):
        admit(WITH_ROLES, groups=groups)
    assert not again(user).is_linked


def test_a_star_is_for_everybody_else(app: Flask) -> None:
    provider = OidcProvider(
        "https://login.example.com",
        "portal",
        "secret",
        allowed_domains=("example.com",),
        roles=(*ROLES, ("*", "viewer")),
    )
    assert admit(provider, groups=["staff"]).role == "viewer"
    assert admit(provider, groups=["portal-admins"]).role == "admin"


def test_a_role_that_changed_at_the_provider_changes_here_and_ends_sessions(app: Flask) -> None:
    user = admit(WITH_ROLES, groups=["portal-admins"])
    start(user)
    admit(WITH_ROLES, groups=["portal-operators"])
    assert (again(user).role, session_count(user)) == ("operator", 0)
    assert last_entry("user.role_changed").after == {"role": "operator"}


def test_the_table_does_not_demote_the_last_super_admin(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    user = make_user("eva@example.com", "super_admin")
    assert admit(WITH_ROLES, groups=["portal-operators"]).id == user.id
    assert again(user).role == "super_admin"
    assert "is the last super admin" in caplog.text


def test_a_deactivated_account_stays_closed(app: Flask) -> None:
    make_user("eva@example.com", deactivated_at=utcnow())
    with pytest.raises(Refused, match="is deactivated"):
        admit()


def test_somebody_who_got_the_address_of_another_does_not_get_the_account(app: Flask) -> None:
    user = make_user("eva@example.com")
    admit()
    with pytest.raises(Refused, match="is linked to another account at the provider"):
        admit(sub="2")
    assert again(user).oidc_subject == "1"
    with writing():
        accounts.unlink(accounts.lock(user.id) or user)
    assert admit(sub="2").id == user.id


def test_a_provider_that_asked_for_two_factors_says_so() -> None:
    assert single_sign_on.second_factor_of({"amr": ["pwd", "mfa"]}) == Factor.PROVIDER
    for amr in (None, [], ["pwd"], "mfa", {"mfa": True}):
        assert single_sign_on.second_factor_of({"amr": amr}) is None
