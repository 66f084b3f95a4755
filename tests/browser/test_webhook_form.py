"""The form of a webhook in Chromium, with JavaScript."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import SCHEMES
from tests.browser.conftest import Watch
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import Webhook, set_settings
from webhooks_ui.webhooks import changes


def test_creating_after_an_error(page: Page, watch: Watch) -> None:
    page.goto("/admin/webhooks")
    watch.expect_status(422)
    page.get_by_role("link", name="Create Webhook").first.click()
    name = page.get_by_label("Name")
    expect(name).to_be_focused()
    page.get_by_label("URL", exact=True).fill("http://example.com/in")
    page.get_by_role("checkbox", name=re.compile("license.created")).check()
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_text("Give the webhook a name.")).to_be_visible()
    expect(page.get_by_text("The URL must start with https://.")).to_be_visible()
    expect(name).to_be_focused()
    expect(page.get_by_role("checkbox", name=re.compile("license.created"))).to_be_checked()
    name.fill("Billing")
    page.get_by_label("URL", exact=True).fill("http://127.0.0.1:8009/in")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    secret = db.session.scalars(db.select(Webhook)).one().secret
    expect(page.get_by_label("Secret", exact=True)).to_have_value(secret)
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_role("status")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.reload()
    expect(page.get_by_label("Secret, masked")).to_be_visible()


def test_the_summary_of_errors_leads_to_the_fields(page: Page, watch: Watch) -> None:
    watch.expect_status(422)
    page.goto("/admin/webhooks/new")
    page.get_by_label("Name").fill("Billing")
    page.get_by_label("URL", exact=True).fill("https://93.184.215.14/")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_role("checkbox", name=re.compile("license.created"))).to_be_focused()
    summary = page.locator("#webhook-form [role=alert]")
    expect(summary).to_have_text("Nothing was saved yet. Correct Events.")
    summary.get_by_role("link", name="Events").click()
    expect(page.locator("#events")).to_be_in_viewport()


def test_the_outgoing_addresses_can_be_copied(page: Page) -> None:
    set_settings({"outgoing_addresses": ["203.0.113.7", "2001:db8::/32"]})
    db.session.commit()
    page.goto("/admin/webhooks/new")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "203.0.113.7\n2001:db8::/32"


def test_the_event_picker_counts_filters_and_selects_groups(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    page.get_by_role("checkbox", name="All activation events").check()
    expect(page.get_by_text("3 of 26 selected")).to_be_visible()
    page.get_by_label("Filter event types").fill("flagged")
    expect(page.get_by_role("checkbox", name=re.compile("telemetry.flagged"))).to_be_visible()
    expect(page.get_by_role("checkbox", name=re.compile("license.created"))).to_be_hidden()
    page.get_by_role("checkbox", name="All events").check()
    expect(page.get_by_text("4 of 26 selected")).to_be_visible()
    page.get_by_label("Filter event types").fill("")
    page.get_by_role("checkbox", name=re.compile("activation.failed")).uncheck()
    expect(page.get_by_text("3 of 26 selected")).to_be_visible()


def test_enter_in_a_field_saves(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    page.get_by_label("Filter event types").press("Enter")  # the filter saves nothing
    page.get_by_label("Name").fill("Invoices")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("heading", name="Invoices", level=1)).to_be_visible()


def test_a_group_holds_its_types(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    group = page.get_by_role("checkbox", name=re.compile(r"^license\.\*"))
    deleted = page.get_by_role("checkbox", name=re.compile(r"^license\.deleted"))
    group.check()
    expect(deleted).to_be_checked()
    expect(page.get_by_text("9 of 26 selected")).to_be_visible()
    deleted.uncheck()
    expect(group).not_to_be_checked()
    expect(page.get_by_text("8 of 26 selected")).to_be_visible()
    deleted.check()
    expect(group).not_to_be_checked()
    group.check()
    page.get_by_role("checkbox", name="All license events").uncheck()
    expect(group).not_to_be_checked()
    expect(page.get_by_text("0 of 26 selected")).to_be_visible()


def test_a_filter_without_a_match_says_so(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    page.get_by_label("Filter event types").fill("zzz")
    after = page.locator(".event-groups").evaluate("element => getComputedStyle(element, '::after').content")
    assert after == '"No event type matches."'


def test_a_conflict_has_the_focus_and_keeps_what_others_saved(page: Page, watch: Watch) -> None:
    watch.expect_status(409)
    webhook = make_webhook(name="Billing", description="Old")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    changes.edit(webhook, {"description": "Theirs"})
    db.session.commit()
    page.get_by_label("Name").fill("Mine")
    page.get_by_role("button", name="Save changes").click()
    note = page.locator(".conflict")
    expect(note).to_be_focused()
    expect(note).to_contain_text("You had not changed Description.")
    expect(page.get_by_label("Description")).to_have_value("Theirs")
    expect(note.get_by_role("row", name=re.compile("^Description"))).to_have_count(0)
    page.get_by_role("button", name="Save anyway").click()
    expect(page.get_by_role("heading", name="Mine", level=1)).to_be_visible()
    db.session.expire_all()
    assert (webhook.name, webhook.description) == ("Mine", "Theirs")


# Of the border and the background of a field, which may be in any color space. A canvas turns both into RGB.
CONTRAST = """field => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const { borderTopColor, backgroundColor } = getComputedStyle(field);
  const [high, low] = [borderTopColor, backgroundColor].map((color) => {
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const parts = [...pen.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
    const [red, green, blue] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  }).sort((a, b) => b - a);
  return high / low;
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_edge_of_a_field_can_be_seen(page: Page, scheme: Literal["light", "dark"]) -> None:
    """WCAG 1.4.11 asks for a contrast of 3 : 1. axe-core doesn't measure it."""
    page.emulate_media(color_scheme=scheme)
    page.goto("/admin/webhooks/new")
    for field in ("#url", "#environment", "#description"):
        assert page.locator(field).evaluate(CONTRAST) >= 3
