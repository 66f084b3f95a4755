"""The filters of the log in Chromium: after going back from a delivery, and the two ways to choose a time."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import open_context, sign_in
from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.models import Webhook, utcnow

LOG = "/admin/webhook-deliveries"
FILTERED = re.compile(r"\?status=failed&code=5xx$")


@pytest.fixture
def log(app: Flask) -> Webhook:
    """Make deliveries to Billing: one that succeeded today, one that failed today, and one that failed ten days ago."""
    webhook = make_webhook(name="Billing")
    settle(add_delivery(webhook))
    settle(add_delivery(webhook), 404)
    old = utcnow() - timedelta(days=10)
    settle(add_delivery(webhook, created_at=old), 503, last_attempt_at=old)
    return webhook


def rows(page: Page) -> Locator:
    return page.locator("#deliveries tbody tr")


def test_going_back_restores_the_filters(page: Page, log: Webhook) -> None:
    page.goto(LOG)
    page.get_by_label("Status").select_option("failed")
    expect(rows(page)).to_have_count(2)
    page.get_by_text("More filters").click()
    page.get_by_label("Response code").press_sequentially("5XX", delay=20)
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(FILTERED)
    for go_back in (page.get_by_role("link", name="Back to Webhook Deliveries").click, page.go_back):
        page.get_by_role("link", name=re.compile("View delivery")).click()
        expect(page.get_by_role("heading", name="license.activated")).to_be_visible()
        go_back()
        expect(page).to_have_url(FILTERED)
        expect(page.get_by_label("Status")).to_have_value("failed")
        expect(page.get_by_label("Response code")).to_have_value("5xx")
        expect(rows(page)).to_have_count(1)
    page.get_by_label("Response code").fill("404")
    expect(rows(page)).to_contain_text(["404"])
    page.get_by_role("link", name="Clear filters").click()
    expect(rows(page)).to_have_count(3)


def test_a_code_that_is_not_understood_is_told_beside_its_field_while_one_types(page: Page, log: Webhook) -> None:
    page.goto(LOG)
    page.get_by_text("More filters").click()
    code, problem = page.get_by_label("Response code"), page.locator("#filter-code-problem")
    code.fill("50x")
    expect(problem).to_contain_text("Not a code: write 500 or 5xx.")
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_role("link", name="Retry all shown")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?code=50x$"))
    page.reload()
    expect(code).to_have_value("50x")
    expect(problem).to_contain_text("Not a code")
    code.fill("503")
    expect(problem).to_be_empty()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("link", name="Retry all shown")).to_be_visible()


def test_a_typed_time_and_a_preset_take_each_others_place(page: Page, log: Webhook) -> None:
    page.goto(LOG)
    preset = page.get_by_label("Created", exact=True)
    preset.select_option("7d")
    expect(rows(page)).to_have_count(2)
    page.get_by_text("More filters").click()
    typed = page.get_by_label("Created from (your time)")
    typed.fill(f"{utcnow() - timedelta(days=20):%Y-%m-%dT%H:%M}")
    expect(rows(page)).to_have_count(3)
    expect(preset).to_have_value("")
    expect(page).to_have_url(re.compile(r"\?since=20\d\d-"))
    preset.select_option("24h")
    expect(rows(page)).to_have_count(2)
    expect(typed).to_have_value("")
    expect(page).to_have_url(re.compile(r"\?since=24h$"))
    page.reload()
    expect(preset).to_have_value("24h")


def test_without_javascript_the_one_that_was_changed_counts(plain_page: Page, log: Webhook) -> None:
    page = plain_page
    page.goto(f"{LOG}?since=7d")
    page.get_by_text("More filters").click()
    page.get_by_label("Created from (UTC)").fill(f"{utcnow() - timedelta(days=20):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Search").click()
    expect(rows(page)).to_have_count(3)
    page.get_by_label("Created", exact=True).select_option("24h")
    page.get_by_role("button", name="Search").click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_label("Created", exact=True)).to_have_value("24h")


def test_a_year_has_four_digits_so_that_what_follows_is_the_hour(page: Page, log: Webhook) -> None:
    page.goto(LOG)
    page.get_by_text("More filters").click()
    typed = page.get_by_label("Created from (your time)")
    typed.focus()
    page.keyboard.type("010220261030AM")  # in the order of the locale en-US
    expect(typed).to_have_value("2026-01-02T10:30")


def test_a_time_in_the_hour_that_comes_twice_survives_another_filter(
    browser: Browser, base_url: str, log: Webhook
) -> None:
    """On 2026-10-25 the clocks in Berlin show 02:30:15 twice: at 00:30:15 and at 01:30:15 UTC."""
    with open_context(browser, base_url, timezone_id="Europe/Berlin") as context:
        page = context.new_page()
        sign_in(page)
        for hour in ("00", "01"):
            page.goto(f"{LOG}?until=2026-10-25T{hour}:30:15Z")
            page.get_by_label("Status").select_option("failed")
            expect(page).to_have_url(re.compile(rf"status=failed.*until=2026-10-25T{hour}(%3A|:)30(%3A|:)15"))
