"""The audit log in Chromium."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.support.factories import make_webhook
from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.events.types import EVENT_TYPES


def edit_events_of(name: str) -> None:
    webhook = make_webhook(name=name)
    before, after = list(EVENT_TYPES)[:15], list(EVENT_TYPES)[10:]
    audit.record("webhook.created", "webhook", webhook.id, name, after={"event_types": before})
    audit.act_as("somebody.with.a.long.name@licenses.example.com")
    audit.record(
        "webhook.updated",
        "webhook",
        webhook.id,
        name,
        {"event_types": before, "url": "https://example.com/" + "long/" * 20},
        {"event_types": after, "url": "https://example.com/"},
    )
    db.session.commit()


def test_an_action_is_chosen_and_an_object_opened(page: Page) -> None:
    edit_events_of("Billing")
    page.goto("/admin/audit-log")
    rows = page.locator("#audit-entries tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Action", exact=True).select_option("Webhook: edited")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Edited Webhook 1 Billing")
    expect(rows.locator("[data-change=added]")).to_contain_text(f"Added {list(EVENT_TYPES)[15]}")
    expect(page).to_have_url(re.compile(r"/admin/audit-log\?action=webhook.updated$"))
    page.get_by_role("link", name="Billing").click()
    page.get_by_role("link", name="All in the audit log").click()
    expect(page.get_by_text("Only Webhook 1.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_text("Only Webhook 1.")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768, 1024])
def test_the_changes_have_room_on_every_screen(page: Page, width: int) -> None:
    edit_events_of("A webhook with a rather long name, as they are given by people")
    page.set_viewport_size(ViewportSize(width=width, height=900))
    page.goto("/admin/audit-log")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    change = page.locator("td.change").first.bounding_box()
    assert change
    assert change["width"] > 240
    too_wide = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent)"
    assert page.locator("#audit-entries :is(th, td)").evaluate_all(too_wide) == []
