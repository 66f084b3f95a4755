"""The list of people, and the rules for signing in."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user
from tests.support.people import again, last_entry, session_count, start_session, with_app
from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.database import db
from webhooks_ui.models import User, get_settings, utcnow

SignIn = Callable[[str], FlaskClient]
TEAM = "/admin/team"


def test_everybody_is_listed_with_role_state_and_ways_to_sign_in(sign_in: SignIn) -> None:
    with_app(make_user("eva@example.com", "operator", name="Eva <Muster>"))
    make_user("gone@example.com", "viewer", deactivated_at=utcnow())
    make_user("new@example.com", joined_at=None)
    page = sign_in("super_admin").get(TEAM).text
    for text in ("Eva &lt;Muster&gt;", "eva@<wbr>example.com", "Password, Authenticator app", "Deactivated", "Invited"):
        assert text in page
    assert page.index("super_admin@<wbr>example.com") < page.index("gone@<wbr>example.com")
    assert f'href="{TEAM}/new"' in page


def test_an_admin_reads_and_sees_no_button_that_does_not_work(admin: FlaskClient) -> None:
    page = admin.get(TEAM).text
    assert "Only a super admin can change the team." in page
    assert f"{TEAM}/new" not in page
    assert "Save rules" not in page
    person = admin.get(f"{TEAM}/1").text
    assert "Deactivate" not in person.split("</header>")[-1]
    assert "/role" not in person


def test_the_rule_is_saved_recorded_and_kept(sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    answer = client.post(f"{TEAM}/rules", data={"roles": ["operator", "admin"]})
    assert (answer.status_code, answer.headers["Location"]) == (303, TEAM)
    assert get_settings()["second_factor_roles"] == ["admin", "operator"]
    entry = last_entry("team.updated")
    assert (entry.before, entry.after) == (
        {"second_factor_roles": []},
        {"second_factor_roles": ["admin", "operator"]},
    )
    page = client.get(TEAM).text
    assert 'value="admin" checked' in page
    assert 'value="viewer" checked' not in page
    client.post(f"{TEAM}/rules")
    db.session.rollback()
    assert get_settings()["second_factor_roles"] == []


def test_a_role_that_does_not_exist_is_refused(sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    answer = client.post(f"{TEAM}/rules", data={"roles": ["king"]})
    assert answer.status_code == 422
    assert "There is no role &#39;king&#39;" in answer.text
    assert get_settings()["second_factor_roles"] == []


def test_a_rule_stops_sessions_without_a_second_factor_at_their_next_request(app: Flask, sign_in: SignIn) -> None:
    client, others = sign_in("super_admin"), app.test_client()
    operator = make_user("operator@example.com", "operator")
    start_session(others, operator)
    assert others.get("/admin/webhooks").status_code == 200
    client.post(f"{TEAM}/rules", data={"roles": ["operator"]})
    assert others.get("/admin/webhooks").headers["Location"] == "/account"
    assert session_count(operator) == 1


def test_the_page_names_the_provider_and_that_passwords_are_off(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    app.config |= {
        "OIDC": OidcProvider("https://login.example.com", "a", "b", roles=(("x", "admin"),)),
        "PASSWORD_SIGN_IN": False,
    }
    page = client.get(TEAM).text
    assert "https://login.example.com" in page
    assert "Passwords are switched off." in page
    assert "The provider's claim groups gives people their roles." in page


def test_when_somebody_was_last_seen_is_shown(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("super_admin")
    eva = make_user("eva@example.com")
    assert "Never" in client.get(TEAM).text
    start_session(app.test_client(), eva)
    assert again(eva).last_seen_at is not None
    assert "Never" not in client.get(TEAM).text


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_see_nothing_of_it(sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    user_id = db.session.scalars(db.select(User.id)).one()
    for path in (TEAM, f"{TEAM}/{user_id}", f"{TEAM}/new"):
        assert client.get(path).status_code == 403
