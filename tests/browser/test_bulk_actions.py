"""Bulk actions, recoveries and notices in Chromium."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import BulkAction, Delivery, utcnow


@pytest.fixture
def running(app: Flask) -> BulkAction:
    """Make an action that is half done. No worker continues it."""
    settle(add_delivery(make_webhook(name="Billing")), 500)
    action = BulkAction(kind="retry", filters={"status": "failed"}, actor="eva@example.com", start_id=0, end_id=100)
    action.place = 50
    db.session.add(action)
    db.session.commit()
    return action


def test_two_running_actions_are_told_apart(page: Page, running: BulkAction) -> None:
    other = BulkAction(kind="retry", filters={}, actor="max@example.com", start_id=0, end_id=9, place=0)
    db.session.add(other)
    db.session.commit()
    page.goto("/admin/webhook-deliveries")
    for action in (running, other):
        expect(page.locator(".note", has_text=f"started by {action.actor}")).to_have_count(1)
        expect(page.get_by_role("link", name=f"View bulk action {action.id}", exact=True)).to_have_count(1)


def test_an_action_outlives_a_reload_and_is_stopped_and_continued(page: Page, running: BulkAction) -> None:
    page.goto("/admin/webhook-deliveries")
    page.get_by_role("link", name="View bulk action").click()
    for _ in range(2):
        expect(page.get_by_role("progressbar", name="Progress")).to_have_attribute("value", "50")
        expect(page.get_by_role("heading", name="Retrying deliveries")).to_be_visible()
        page.reload()
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Changes made before then are kept.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Bulk retry stopped")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("status").first).to_contain_text("Continued where it was stopped.")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()


def test_an_open_page_follows_an_action_to_its_end(page: Page, running: BulkAction) -> None:
    page.goto(f"/admin/bulk-actions/{running.id}")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    running.status, running.changed_count, running.place = "finished", 1_234, 0
    db.session.commit()
    expect(page.get_by_text("1,234 queued for one more attempt.")).to_be_visible()
    expect(page.locator("#bulk-action[hx-get]")).to_have_count(0)
    page.get_by_role("link", name="View these deliveries").click()
    expect(page.locator("#deliveries tbody tr")).to_have_count(1)


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_missed_events_are_counted_and_sent(request: pytest.FixtureRequest, app: Flask, kind: str) -> None:
    page = request.getfixturevalue(kind)
    webhook = make_webhook(name="Billing", active=False)
    publish("production", [NewEvent("license.activated", {}), NewEvent("license.created", {})])
    page.goto(f"/admin/webhooks/{webhook.id}/recoveries")
    page.get_by_role("region", name="Send missed events").get_by_role("button", name="Preview").click()
    expect(page.locator("#bulk-count")).to_have_text("1")
    expect(page.get_by_text("The webhook is inactive, so these events wait")).to_be_visible()
    page.get_by_role("button", name="Send 1 event").click()
    expect(page.get_by_role("heading", name="Missed events sent")).to_be_visible()
    page.get_by_role("link", name="View these deliveries").click()
    expect(page.locator("#deliveries tbody tr")).to_contain_text(["Sent later"])
    db.session.rollback()
    assert db.session.scalars(db.select(Delivery.trigger)).all() == ["missed"]


def test_a_notice_leads_from_the_bell_to_what_failed(page: Page, app: Flask) -> None:
    page.goto("/admin/webhooks")
    now = utcnow()
    sick = make_webhook(name="Sick", breaker_opened_at=now, consecutive_failures=12, probe_at=now + timedelta(hours=1))
    settle(add_delivery(sick), 500)
    waiting = add_delivery(sick)
    page.reload()
    page.get_by_role("link", name="Notices: 1 webhook needs attention").click()
    expect(page.get_by_role("row", name=re.compile("^Sick"))).to_contain_text("12 attempts in a row failed")
    page.get_by_role("link", name="Unfinished deliveries of Sick").click()
    expect(page.locator("#deliveries tbody tr")).to_have_count(1)
    expect(page.locator(f"#delivery-{waiting.id}")).to_contain_text("Pending (webhook failing)")
    page.go_back()
    page.get_by_role("link", name="Failed attempts deliveries of Sick").click()
    expect(page.locator("#deliveries tbody tr")).to_contain_text(["Failed"])
    sick.breaker_opened_at = None
    db.session.commit()
    page.get_by_role("link", name="Notices: 1 webhook needs attention").click()
    expect(page.get_by_text("No problems")).to_be_visible()
    expect(page.get_by_role("link", name="Notices: none")).to_be_visible()


def test_a_long_name_leaves_a_notice_room_to_say_what_happened(page: Page) -> None:
    make_webhook(name="X" * 100, breaker_opened_at=utcnow(), failing_since=utcnow(), consecutive_failures=10)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/notices")
    widths = [
        page.locator(cell).evaluate("cell => cell.getBoundingClientRect().width")
        for cell in ("tbody th", "tbody td[data-label='What happened']")
    ]
    assert widths[1] > 1.4 * widths[0]
    tops = page.locator(".notice-links a").evaluate_all("links => links.map((link) => link.getBoundingClientRect().y)")
    assert len(set(tops)) == 2  # lines
