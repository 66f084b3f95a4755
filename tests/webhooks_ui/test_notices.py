import re
from datetime import timedelta

import pytest

from tests.factories import make_webhook
from webhooks_ui.models import utcnow


def badge(client):
    found = re.search(r'class="bell-count"[^>]*>([^<]+)<', client.get("/admin/webhooks").text)
    return found[1] if found else None


def test_without_a_reason_there_is_no_notice(admin):
    make_webhook()
    make_webhook(active=False)
    assert badge(admin) is None
    assert "All is well" in admin.get("/admin/notices").text


def test_failing_and_disabled_webhooks_are_counted_and_listed_the_latest_first(admin):
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


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_see_them(sign_in, role):
    make_webhook(breaker_opened_at=utcnow())
    client = sign_in(role)
    assert client.get("/admin/notices").status_code == 403
    assert badge(client) is None
