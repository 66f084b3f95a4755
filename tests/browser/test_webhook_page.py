"""The page of one webhook in Chromium."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, open_context, sign_in, stored
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import set_settings, utcnow


def test_the_switch_changes_the_page_in_place_and_keeps_the_focus(page: Page) -> None:
    webhook = make_webhook(name="Billing", active=False, disabled_at=utcnow(), disabled_reason="It was gone.")
    page.goto(f"/admin/webhooks/{webhook.id}?range=7d")
    switch = page.get_by_role("switch", name="Billing active")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("Billing is active now.")
    expect(page.get_by_text("It was gone.")).to_have_count(0)
    expect(page.get_by_role("region", name="History").get_by_text("Activated")).to_be_visible()
    expect(page).to_have_url(f"{page.url.partition('/admin')[0]}/admin/webhooks/{webhook.id}?range=7d")
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")
    assert stored(webhook.id).version == 3


def test_the_switch_is_a_form_without_javascript(plain_page: Page) -> None:
    webhook = make_webhook(name="Billing")
    plain_page.goto(f"/admin/webhooks/{webhook.id}")
    plain_page.get_by_role("switch", name="Billing active").click()
    expect(plain_page.get_by_role("status")).to_contain_text("Billing is inactive now.")
    expect(plain_page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    expect(plain_page.get_by_role("switch", name="Billing active")).to_have_attribute("aria-checked", "false")


def test_url_id_and_outgoing_addresses_are_copied(page: Page) -> None:
    webhook = make_webhook(url="https://example.com/in?a=1&b=2")
    set_settings({"outgoing_addresses": ["203.0.113.7", "2001:db8::/32"]})
    db.session.commit()
    addresses = "203.0.113.7\n2001:db8::/32"
    page.goto(f"/admin/webhooks/{webhook.id}")
    for label, text in (("URL", webhook.url), ("Webhook ID", str(webhook.id)), ("addresses", addresses)):
        page.get_by_role("button", name=f"Copy {label}", exact=True).click()
        page.wait_for_function("text => navigator.clipboard.readText().then(copied => copied === text)", arg=text)


def test_on_a_phone_the_overview_comes_before_the_health(browser: Browser, base_url: str, watch: Watch) -> None:
    webhook = make_webhook(url="https://example.com/" + "long/" * 60, description="long" * 100)
    for width, overview_is_first in ((360, True), (1280, False)):
        with open_context(browser, base_url, viewport={"width": width, "height": 740}) as context:
            page = context.new_page()
            watch.follow(page)
            sign_in(page)
            page.goto(f"/admin/webhooks/{webhook.id}")
            assert page.evaluate("document.documentElement.scrollWidth") == width
            overview, health = (page.locator(id).bounding_box() for id in ("#overview", "#health"))
            assert overview
            assert health
            assert (overview["y"] + overview["height"] <= health["y"]) is overview_is_first
