"""The bell, and the list of notices."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from webhooks_ui.models import utcnow

SignIn = Callable[[str], FlaskClient]


def badge(client: FlaskClient) -> str | None:
    found = re.search(r'class="bell-count"[^>]*>([^<]+)<', client.get("/admin/webhooks").text)
    return found[1] if found else None


def test_without_a_reason_there_is_no_notice(admin: FlaskClient) -> None:
    make_webhook()
    make_webhook(active=False)
    assert badge(admin) is None
    assert "No problems" in admin.get("/admin/notices").text


def test_failing_and_disabled_webhooks_are_counted_and_listed_the_latest_first(admin: FlaskClient) -> None:
    now = utcnow()
    make_webhook(name="Broken", breaker_opened_at=now - timedelta(hours=1), consecutive_failures=12)
    make_webhook(name="Gone", active=False, disabled_at=now, disabled_reason="The endpoint answered 410 Gone.")
    make_webhook(name="Deleted", active=False, disabled_at=now, deleted_at=now)
    assert badge(admin) == "2"
    page = admin.get("/admin/notices").text
    assert page.index("Gone") < page.index("Broken")
    assert "The endpoint answered 410 Gone." in page
    assert "12 attempts in a row failed" in page
    assert "Deleted" not in page


def test_an_endpoint_that_only_asks_to_wait_is_told_of_wherever_its_webhook_is_shown(admin: FlaskClient) -> None:
    given_up = {"throttled_until": utcnow(), "given_up_count": 1_234, "given_up_since": utcnow() - timedelta(days=2)}
    make_webhook(active=False, **given_up)
    assert badge(admin) is None
    id = make_webhook(**given_up).id
    assert badge(admin) == "1"
    for address in ("/admin/notices", f"/admin/webhooks/{id}"):
        assert "1,234 deliveries were given up, the oldest of <time" in admin.get(address).text
    assert "1,234 given up, because the endpoint asks to wait" in admin.get("/admin/webhooks").text
    page = admin.get(f"/admin/webhooks/{id}/why-nothing").text
    assert "It loses events, because the endpoint asks to wait" in page
    assert "1,234 deliveries were given up" in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_see_them(sign_in: SignIn, role: str) -> None:
    make_webhook(breaker_opened_at=utcnow())
    client = sign_in(role)
    assert client.get("/admin/notices").status_code == 403
    assert badge(client) is None


@pytest.mark.parametrize(
    ("count", "badge", "label"),
    [
        (0, None, "Notices: none"),
        (1, "1", "Notices: 1 webhook needs attention"),
        (99, "99", "Notices: 99 webhooks need attention"),
        (100, "99+", "Notices: 100 webhooks need attention"),
    ],
)
def test_the_bell_says_how_many_in_a_number_and_in_words(app: Flask, count: int, badge: str | None, label: str) -> None:
    template = app.jinja_env.get_template("notices/_bell.html")
    with app.test_request_context():
        app.jinja_env.globals["count_notices"] = lambda environment: count
        bell = template.render()
    assert f'aria-label="{label}"' in bell
    assert re.findall(r'class="bell-count" aria-hidden="true">([^<]+)<', bell) == ([badge] if badge else [])


def test_each_notice_leads_to_what_can_be_done(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Broken", breaker_opened_at=utcnow(), probe_at=utcnow() + timedelta(minutes=9))
    page = admin.get("/admin/notices").text
    for href in (
        f"/admin/webhooks/{webhook.id}",
        f"/admin/webhook-deliveries?webhook={webhook.id}&amp;status=with_failures",
        f"/admin/webhook-deliveries?webhook={webhook.id}&amp;status=unfinished",
        f"/admin/webhooks/{webhook.id}/test",
        f"/admin/webhooks/{webhook.id}/recoveries",
    ):
        assert f'href="{href}"' in page
        assert admin.get(href.replace("&amp;", "&")).status_code == 200
    assert "The next probe goes out <time" in page
