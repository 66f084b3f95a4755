"""Who may use which address: each route of the URL map, tried with each role, token and scope.

The tables here say it a second time, beside ``web/permissions`` and ``api/routes``. A route that they don't name fails.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key, make_delivery
from tests.support.http import HTMX
from webhooks_ui import api_keys
from webhooks_ui.database import db
from webhooks_ui.models import BulkAction, Scope, User, Webhook, utcnow
from webhooks_ui.models.user import RANK, Role

SignIn = Callable[[str], FlaskClient]

# The least role for each endpoint under /admin/
PAGES = {
    Role.OPERATOR: """
        webhooks.index webhooks.set_active
    """,
    Role.ADMIN: """
        admin audit_log.index event_types.index notices.index palette.index settings.edit settings.purge
        api_keys.confirm_revoke api_keys.create api_keys.created api_keys.edit api_keys.end_older api_keys.index
        api_keys.new api_keys.revoke api_keys.roll api_keys.show api_keys.update
        bulk_actions.cancel bulk_actions.carry_on bulk_actions.index bulk_actions.retry bulk_actions.show
        bulk_actions.stop
        deliveries.attempt_body deliveries.body deliveries.follow deliveries.index deliveries.newer deliveries.show
        deliveries.unfinished
        events.send events.show exports.csv exports.json overview.index payloads.schema payloads.show
        inspectors.body inspectors.clear inspectors.confirm_delete inspectors.create inspectors.delete
        inspectors.index inspectors.newer inspectors.show inspectors.update
        recoveries.create recoveries.new recoveries.send_missed retries.confirm retries.create
        saved_filters.confirm_delete saved_filters.create saved_filters.delete team.index team.show
        webhooks.bulk webhooks.check_endpoint webhooks.check_signature webhooks.confirm_delete webhooks.create
        webhooks.create_test webhooks.delete webhooks.delete_payload webhooks.edit webhooks.end_secret webhooks.new
        webhooks.follow_deliveries webhooks.newer_deliveries webhooks.no_bulk webhooks.preview_edit
        webhooks.preview_new webhooks.replace_secret webhooks.save_payload webhooks.secret webhooks.secret_copied
        webhooks.show
        webhooks.signature webhooks.steps webhooks.test_event webhooks.test_result webhooks.update webhooks.why_nothing
    """,
    Role.SUPER_ADMIN: """
        event_types.confirm_delete event_types.create event_types.delete event_types.edit event_types.new
        event_types.update
        settings.update
        team.confirm team.invite team.link team.make_change team.new team.update_role team.update_rules
    """,
}
LEAST_ROLE = {endpoint: role for role, endpoints in PAGES.items() for endpoint in endpoints.split()}
# Everybody may use these without signing in. They show nothing of what is stored.
OPEN = """
    asset home inspect.receive openapi ops.healthz ops.readyz preferences.set_density preferences.set_environment
    preferences.set_live preferences.set_shortcuts preferences.set_theme
    session.create session.destroy session.ended session.new
    invitations.accept invitations.accept_with_passkey invitations.edit invitations.passkey_options
    new_passwords.create new_passwords.edit new_passwords.new new_passwords.update
    passkeys.create passkeys.new passkeys.options second_factor.create second_factor.new sso.callback sso.start
"""
# Everybody's own account, whatever their role. tests/webhooks_ui/web/test_permissions.py tries these addresses.
ACCOUNT = ("account.", "authenticator.", "own_passkeys.", "own_password.", "recovery_codes.")
TOKENLESS = (
    "session.ended",  # changes nothing, and its page was made for a session that is over
    "inspect.receive",  # programs send there, and the session counts for nothing
)
OWN_RULE = "ops.metrics"  # the setting METRICS_TOKEN, see tests/webhooks_ui/views/test_ops.py
# The scope for each address of the API. None: any key will do.
SCOPES = {
    ("GET", "api.deliveries"): "deliveries:read",
    ("GET", "api.delivery"): "deliveries:read",
    ("POST", "api.delivery_retries"): "deliveries:retry",
    ("GET", "api.event_types"): None,
    ("POST", "api.events"): "events:write",
    ("DELETE", "api.webhook"): "webhooks:write",
    ("GET", "api.webhook"): "webhooks:read",
    ("PATCH", "api.webhook"): "webhooks:write",
    ("DELETE", "api.webhook_older_secret"): "webhooks:write",
    ("GET", "api.webhook_secret"): "secrets:read",
    ("POST", "api.webhook_secret"): "webhooks:write",
    ("POST", "api.webhook_test"): "webhooks:write",
    ("GET", "api.webhooks"): "webhooks:read",
    ("POST", "api.webhooks"): "webhooks:write",
}


class Route(NamedTuple):
    method: str
    endpoint: str
    path: str

    @property
    def is_page(self) -> bool:
        return self.path.startswith("/admin/")

    @property
    def is_api(self) -> bool:
        return self.endpoint.startswith("api.")

    @property
    def has_id(self) -> bool:
        return "/1" in self.path


def routes(app: Flask) -> Iterator[Route]:
    """Yield every route of the app, with 1 for each id in its path."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(method, rule.endpoint, _path(rule))


def _path(rule: Rule) -> str:
    built = rule.build(dict.fromkeys(rule.arguments, 1))
    assert built is not None
    return built[1]


def holes(app: Flask, is_meant: Callable[[Route], bool], is_right: Callable[[Route], object]) -> list[str]:
    """Return the meant routes for which ``is_right`` is false. There must be at least one meant route."""
    meant = [route for route in routes(app) if is_meant(route)]
    assert meant
    return [f"{route.method} {route.path}" for route in meant if not is_right(route)]


def is_page(route: Route) -> bool:
    return route.is_page


def is_api(route: Route) -> bool:
    return route.is_api


@pytest.fixture
def rows(app: Flask) -> None:
    """Make a row with the id 1 of each kind that a path can name, except for users."""
    make_delivery()
    make_api_key()
    action = BulkAction(kind="retry", filters={}, actor="eva@example.com", start_id=0, end_id=9, place=4)
    action.status = "stopped"
    db.session.add(action)
    db.session.commit()


def was_let_in(answer: TestResponse) -> bool:
    """Return True if the answer refuses nobody. An error of the server is no answer at all."""
    status, to = answer.status_code, answer.headers.get("Location", "")
    answer.close()  # of an export that nobody reads
    return status < 500 and status not in (400, 401, 403) and "/login" not in to


def was_sent_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 302 and answer.headers["Location"].startswith("/login")


def gets(client: FlaskClient, status: int, headers: dict[str, str] | None = None) -> Callable[[Route], bool]:
    """Return a function that asks for a route, and is true if the answer has ``status``."""
    return lambda route: client.open(route.path, method=route.method, headers=headers, data="{}").status_code == status


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_the_tables_name_every_route_and_nothing_else(app: Flask) -> None:
    found = list(routes(app))
    assert {route.endpoint for route in found if route.is_page} == LEAST_ROLE.keys()
    assert {(route.method, route.endpoint) for route in found if route.is_api} == SCOPES.keys()
    others = {route.endpoint for route in found if not route.is_page and not route.is_api}
    others = {endpoint for endpoint in others if not endpoint.startswith(ACCOUNT)}
    assert others == {*OPEN.split(), OWN_RULE}


def test_the_tables_use_every_scope() -> None:
    assert set(SCOPES.values()) - {None} == set(Scope)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_what_the_table_says(app: Flask, sign_in: SignIn, role: Role) -> None:
    client = sign_in(role)

    def is_right(route: Route) -> bool:
        answer = client.open(route.path, method=route.method)
        if RANK[role] >= RANK[LEAST_ROLE[route.endpoint]]:
            return was_let_in(answer)
        return answer.status_code == 403

    assert holes(app, is_page, is_right) == []


@pytest.mark.usefixtures("rows")
def test_a_visitor_is_sent_to_the_sign_in_page(app: Flask, client: FlaskClient) -> None:
    def is_right(route: Route) -> bool:
        to_htmx = client.open(route.path, method=route.method, headers=HTMX)
        in_htmx = to_htmx.status_code == 401 and "HX-Redirect" in to_htmx.headers and not to_htmx.data
        return in_htmx and was_sent_to_sign_in(client.open(route.path, method=route.method))

    assert holes(app, is_page, is_right) == []


@pytest.mark.usefixtures("rows")
def test_what_is_open_asks_nobody(app: Flask, client: FlaskClient) -> None:
    def is_right(route: Route) -> bool:
        answer = client.open(route.path, method=route.method)
        is_working = answer.status_code < 500 or route.endpoint == "ops.readyz"  # no migration ran in this test
        return is_working and answer.status_code not in (401, 403)

    assert holes(app, lambda route: route.endpoint in OPEN.split(), is_right) == []


@pytest.mark.usefixtures("rows")
def test_a_user_with_an_unknown_role_gets_nothing(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("admin")
    db.session.execute(db.update(User).values(role="owner"))
    db.session.commit()
    assert holes(app, is_page, gets(client, 403)) == []


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("token", ["", "wrong", "another session's"])
def test_no_form_works_without_the_token_of_its_session(app: Flask, sign_in: SignIn, token: str) -> None:
    if token == "another session's":
        app.config["WTF_CSRF_ENABLED"] = True
        page = app.test_client().get("/login").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert token
    app.config["WTF_CSRF_ENABLED"] = False
    client = sign_in("super_admin")
    app.config["WTF_CSRF_ENABLED"] = True
    changed = Webhook.active, Webhook.version, Webhook.deleted_at
    before = db.session.execute(db.select(*changed)).all()

    def is_right(route: Route) -> bool:
        return client.open(route.path, method=route.method, data={"csrf_token": token}).status_code == 400

    forms = ("POST", False)
    assert holes(app, lambda r: (r.method, r.is_api) == forms and r.endpoint not in TOKENLESS, is_right) == []
    db.session.rollback()
    assert db.session.execute(db.select(*changed)).all() == before


@pytest.mark.usefixtures("rows")
def test_an_api_key_opens_no_page(app: Flask, client: FlaskClient) -> None:
    headers = bearer(make_api_key()[1])

    def is_right(route: Route) -> bool:
        return was_sent_to_sign_in(client.open(route.path, method=route.method, headers=headers))

    assert holes(app, is_page, is_right) == []


@pytest.mark.usefixtures("rows")
def test_a_session_is_no_key_of_the_api(app: Flask, sign_in: SignIn) -> None:
    assert holes(app, is_api, gets(sign_in("super_admin"), 401)) == []


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_with_one_scope_does_only_what_needs_it(app: Flask, scope: Scope) -> None:
    client, headers = app.test_client(), bearer(make_api_key(scopes=[scope])[1])

    def is_right(route: Route) -> bool:
        needed = SCOPES[route.method, route.endpoint]
        answer = client.open(route.path, method=route.method, headers=headers)
        if needed in (None, scope):
            return answer.status_code < 500 and answer.status_code not in (401, 403)
        names_it = f"needs the scope {needed}." in answer.get_json()["detail"]
        return answer.status_code == 403 and answer.content_type == "application/problem+json" and names_it

    assert holes(app, is_api, is_right) == []


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_with_all_scopes_but_one_does_all_but_what_needs_it(app: Flask, scope: Scope) -> None:
    client, headers = app.test_client(), bearer(make_api_key(scopes=set(Scope) - {scope})[1])

    def is_right(route: Route) -> bool:
        answer = client.open(route.path, method=route.method, headers=headers)
        return (answer.status_code == 403) is (SCOPES[route.method, route.endpoint] == scope)

    assert holes(app, is_api, is_right) == []


def ended_tokens() -> dict[str, str]:
    """Return the texts of keys that may do everything but are no longer valid, by the reason."""
    revoked, text_of_revoked = make_api_key()
    api_keys.revoke(revoked)
    _, text_of_expired = make_api_key(expires_at=utcnow() - timedelta(seconds=1))
    rolled, text_of_rolled = make_api_key()
    rolled.roll(timedelta(hours=1))
    rolled.older_expires_at = utcnow() - timedelta(seconds=1)
    ended, text_of_ended = make_api_key()
    ended.roll(timedelta(0))
    db.session.commit()
    return {
        "revoked": text_of_revoked,
        "expired": text_of_expired,
        "its overlap is over": text_of_rolled,
        "ended at once": text_of_ended,
        "unknown": "km_unknown",
        "a digest instead of a text": rolled.digest,
    }


@pytest.mark.usefixtures("rows")
def test_no_token_that_ended_is_taken(app: Flask) -> None:
    client = app.test_client()
    for reason, text in ended_tokens().items():
        assert holes(app, is_api, gets(client, 401, bearer(text))) == [], reason


@pytest.mark.usefixtures("rows")
def test_a_key_of_another_environment_finds_nothing(app: Flask) -> None:
    client, headers = app.test_client(), bearer(make_api_key(environment="staging")[1])
    assert holes(app, lambda route: route.is_api and route.has_id, gets(client, 404, headers)) == []
    for path in ("/api/v1/webhooks", "/api/v1/deliveries"):
        assert client.get(path, headers=headers).get_json()["data"] == []
