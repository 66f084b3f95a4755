"""The settings in Chromium, with JavaScript and without."""

from datetime import timedelta

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, open_context, sign_in
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import get_settings, utcnow

SETTINGS = "/admin/settings/webhooks"


def add_old_delivery(days: int) -> None:
    delivery = settle(add_delivery(created_at=utcnow() - timedelta(days=days)))
    delivery.event.created_at = delivery.created_at
    db.session.commit()


def test_the_count_of_a_purge_follows_the_chosen_retention(browser: Browser, base_url: str, watch: Watch) -> None:
    add_old_delivery(10)
    with open_context(browser, base_url) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "super_admin")
        page.goto(SETTINGS)
        count = page.locator("#purge")
        expect(count).to_contain_text("If deliveries are kept for 30 days, a purge would now delete 0 deliveries")
        page.get_by_label("15 days").focus()
        page.keyboard.press("ArrowUp")
        expect(page.get_by_label("7 days")).to_be_checked()
        expect(count).to_contain_text("If deliveries are kept for 7 days, a purge would now delete 1 delivery")
        page.get_by_label("15 days").check()
        expect(count).to_contain_text("If deliveries are kept for 15 days, a purge would now delete 0 deliveries")
    assert get_settings()["retention_days"] == 30  # nothing was saved


def test_a_purge_is_counted_without_javascript(plain_page: Page) -> None:
    add_old_delivery(10)
    plain_page.goto(SETTINGS)
    plain_page.get_by_role("link", name="Count what a purge would delete now").click()
    expect(
        plain_page.get_by_text("If deliveries are kept for 30 days, a purge would now delete 0 deliveries")
    ).to_be_visible()
    plain_page.get_by_role("link", name="Count for 7 days").click()
    expect(
        plain_page.get_by_text("If deliveries are kept for 7 days, a purge would now delete 1 delivery")
    ).to_be_visible()


def test_a_wrong_address_is_named_and_gets_the_cursor(browser: Browser, base_url: str, watch: Watch) -> None:
    watch.expect_status(422)
    with open_context(browser, base_url) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "super_admin")
        page.goto(SETTINGS)
        addresses = page.get_by_label("Outgoing addresses")
        addresses.fill("203.0.113.7\nexample.com")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("Outgoing addresses, line 2: 'example.com' is not an IP address")).to_be_visible()
        expect(addresses).to_be_focused()
        expect(addresses).to_have_value("203.0.113.7\nexample.com")
