"""The switch that activates a webhook: in a row of the list, and on its page."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui import wake
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, utcnow


def test_the_toggle_sets_the_wanted_state(admin: FlaskClient) -> None:
    webhook = make_webhook()
    for when in ("now", "already"):  # sending it twice has the same result
        answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=HTMX)
        assert answer.status_code == 200
        assert f'<tr id="webhook-{webhook.id}"' in answer.text
        assert 'aria-checked="false"' in answer.text
        assert f"is inactive {when}." in answer.text
    stored = reloaded(webhook)
    assert (stored.active, stored.version) == (False, 2)
    assert recorded_actions() == ["webhook.deactivated"]


def test_a_stale_toggle_answers_with_the_present_state(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Renamed", active=False, disabled_at=utcnow(), disabled_reason="The endpoint is gone.")
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=HTMX).text
    assert "Renamed is inactive already." in answer
    assert 'data-status="disabled"' in answer
    assert recorded_actions() == []


def test_the_toggle_of_a_deleted_webhook_takes_its_row_away(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing", deleted_at=utcnow())
    make_webhook(environment="staging")
    path, wanted = f"/admin/webhooks/{webhook.id}/active", {"active": "true"}
    here = HTMX | {"HX-Current-URL": "http://localhost/admin/webhooks?environment=staging"}
    answer = admin.post(path, data=wanted, headers=here)
    assert answer.status_code == 200
    assert "<tr" not in answer.text
    assert "Billing was deleted in the meantime." in answer.text
    assert '<option value="staging" selected>Staging (1)</option>' in answer.text
    for elsewhere in ("", "http://[/admin/webhooks/1", "http://localhost/admin/webhooks/1"):  # they have no counts
        headers = HTMX | {"HX-Current-URL": elsewhere}
        assert "webhook-totals" not in admin.post(path, data=wanted, headers=headers).text
    boosted = admin.post(path, data=wanted, headers=HTMX | {"HX-Boosted": "true"})
    assert (boosted.status_code, boosted.headers["HX-Redirect"]) == (200, "/admin/webhooks")
    plain = admin.post(path, data=wanted, headers={"Referer": "http://localhost/admin/webhooks?q=a&page=2"})
    assert (plain.status_code, plain.headers["Location"]) == (303, "/admin/webhooks?q=a&page=2")
    own_page = admin.post(path, data=wanted, headers={"Referer": f"http://localhost/admin/webhooks/{webhook.id}"})
    assert own_page.headers["Location"] == "/admin/webhooks"
    stored = reloaded(webhook)
    assert stored.deleted_at is not None


def test_the_counts_after_a_toggle_are_those_of_the_filters_in_the_address(admin: FlaskClient) -> None:
    webhook = make_webhook(environment="staging")
    make_webhook()
    admin.post("/environment", data={"environment": "staging"})
    here = HTMX | {"HX-Current-URL": "http://localhost/admin/webhooks?environment="}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=here).text
    assert re.findall(r'<b class="number">(\d+)</b>', answer) == ["1", "1", "1"]
    assert '<option value="" selected>All environments (2)</option>' in answer


def test_a_plain_toggle_goes_back_to_where_it_came_from(admin: FlaskClient) -> None:
    webhook = make_webhook()
    here = {"Referer": "http://localhost/admin/webhooks?q=a&page=2"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=here)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks?q=a&page=2")
    elsewhere = {"Referer": "http://evil.example/admin/webhooks?q=a"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "true"}, headers=elsewhere)
    assert answer.headers["Location"] == "/admin/webhooks"


@pytest.mark.parametrize("active", [True, False])
def test_the_switch_of_the_page_comes_back_to_it(admin: FlaskClient, active: bool) -> None:
    webhook = make_webhook(active=active)
    address = f"/admin/webhooks/{webhook.id}?range=7d"
    wanted = "false" if active else "true"
    assert f'name="active" value="{wanted}"' in admin.get(address).text
    headers = {"Referer": f"http://localhost{address}", **HTMX, "HX-Boosted": "true"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": wanted}, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert reloaded(webhook).active is not active


def test_switching_on_clears_the_health_and_wakes_the_workers(admin: FlaskClient) -> None:
    webhook = make_webhook(
        active=False, disabled_at=utcnow(), disabled_reason="410 Gone", consecutive_failures=12, failing_since=utcnow()
    )
    redis = admin.application.extensions["redis"]
    redis.delete(wake.WAITING_KEY)
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "true"})
    stored = reloaded(webhook)
    assert (stored.status, stored.consecutive_failures, stored.disabled_reason) == ("active", 0, None)
    assert redis.exists(wake.WAITING_KEY)


@pytest.mark.parametrize("data", [{}, {"active": "maybe"}])
def test_a_toggle_without_a_state_is_refused(admin: FlaskClient, data: dict[str, str]) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data=data)
    assert answer.status_code == 422
    assert "active must be true or false" in answer.text
    assert reloaded(webhook).active


def test_a_change_by_an_operator_names_the_operator(sign_in: Callable[[str], FlaskClient]) -> None:
    webhook = make_webhook()
    sign_in("operator").post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"})
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.actor, entry.address) == ("operator@example.com", "127.0.0.1")
