"""The page of one webhook in Chromium."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, open_context, sign_in, stored
from tests.support.factories import make_webhook, older_secret
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import Stats, set_settings, utcnow


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


def test_the_switch_leaves_open_what_the_reader_unfolded(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.locator("#code-php > summary").click()
    page.get_by_role("switch", name="Billing active").click()
    expect(page.get_by_role("status").first).to_contain_text("Billing is inactive now.")
    expect(page.locator("#code-php")).to_have_attribute("open", "")
    expect(page.locator("#code-python")).not_to_have_attribute("open", "")


def test_the_switch_of_a_webhook_that_was_deleted_meanwhile_leads_to_the_list_and_says_so(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.goto(f"/admin/webhooks/{webhook.id}")
    webhook.deleted_at = utcnow()
    db.session.commit()
    page.get_by_role("switch", name="Billing active").click()
    page.wait_for_url("**/admin/webhooks")
    expect(page.get_by_role("alert")).to_contain_text("Billing was deleted in the meantime.")


def test_the_focus_stays_with_the_secret_that_was_generated(page: Page) -> None:
    webhook = make_webhook(older_secrets=[older_secret(timedelta(hours=3))])
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.get_by_role("button", name="End now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Webhook Secret")).to_be_focused()
    page.get_by_text("Generate new secret").first.click()
    page.get_by_role("button", name="Generate new secret").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Secret", exact=True)).to_be_focused()


def test_new_deliveries_are_offered(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.clock.install()
    page.goto(f"/admin/webhooks/{webhook.id}")
    add_delivery(webhook)
    page.clock.run_for(11_000)
    offer = page.get_by_role("link", name="Show 1 new delivery")
    offer.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#recent-deliveries tbody tr")).to_have_count(1)
    expect(page.get_by_role("heading", name="Recent deliveries")).to_be_focused()
    expect(page).to_have_url(re.compile(f"/admin/webhooks/{webhook.id}$"))


def test_the_first_steps_tick_themselves(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.clock.install()
    page.goto(f"/admin/webhooks/{webhook.id}")
    done = page.locator("#first-steps [data-done=true]")
    expect(done).to_have_count(0)
    page.get_by_role("link", name="Reveal").click()
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(done).to_have_text([re.compile("Copy the secret")])
    db.session.rollback()
    settle(add_delivery(webhook, trigger="test"))
    page.clock.run_for(6_000)
    expect(done).to_have_count(4)
    db.session.rollback()
    settle(add_delivery(webhook))
    page.clock.run_for(6_000)
    expect(page.locator("#first-steps")).to_contain_text("All done. Events arrive.")
    page.reload()
    expect(page.locator("#first-steps")).to_have_count(0)


def test_the_first_steps_keep_the_focus(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.clock.install()
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.get_by_role("button", name="I have copied it").press("Enter")
    expect(page.get_by_text("Copy the secret to your endpoint. (done)")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#first-steps").get_by_role("link", name="Send test event")).to_be_focused()
    db.session.rollback()
    settle(add_delivery(webhook, trigger="test"))
    page.clock.run_for(6_000)
    expect(page.get_by_text("Send a test event. (done)")).to_be_focused()


def test_the_first_step_is_a_form_without_javascript(plain_page: Page) -> None:
    webhook = make_webhook(name="Billing")
    plain_page.goto(f"/admin/webhooks/{webhook.id}")
    plain_page.get_by_role("button", name="I have copied it").click()
    expect(plain_page.locator("#first-steps [data-done=true]")).to_have_text([re.compile("Copy the secret")])


def test_long_texts_push_nothing_out_of_sight(page: Page) -> None:
    webhook = make_webhook(url="https://example.com/" + "long/" * 400, description="A long description. " * 50)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"/admin/webhooks/{webhook.id}")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_be_in_viewport(ratio=1)
    expect(page.locator("#webhook-url")).to_have_text(webhook.url)
    for label in ("Description", "URL"):  # a line shows where a text ends that scrolls
        expect(page.get_by_role("region", name=label)).to_have_css("border-left-style", "solid")
    page.get_by_role("link", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Delete webhook")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 320, "height": 740})
    page.goto(f"/admin/webhooks/{webhook.id}/secret")
    secret = page.get_by_label("Secret", exact=True)
    assert secret.evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")
    assert secret.evaluate("({ scrollHeight, clientHeight }) => scrollHeight <= clientHeight + 2")


def test_the_switch_stands_beside_its_label_in_every_width(page: Page) -> None:
    """Between phone and desktop the overview has two columns, whose cells differ in height."""
    id = make_webhook(breaker_opened_at=utcnow(), failing_since=utcnow(), consecutive_failures=10).id
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    db.session.add(Stats(webhook_id=id, hour=hour, succeeded=False, duration_bucket_ms=100, count=5))
    db.session.commit()
    page.goto(f"/admin/webhooks/{id}")
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        tops = [
            page.locator(place).evaluate("box => box.getBoundingClientRect().y")
            for place in ("#overview dt >> nth=0", f"#webhook-{id}-active")
        ]
        assert tops[0] == pytest.approx(tops[1], abs=6)


def test_each_older_secret_has_its_button_beside_it(page: Page) -> None:
    webhook = make_webhook(older_secrets=[older_secret(timedelta(hours=3)), older_secret(timedelta(hours=2))])
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"/admin/webhooks/{webhook.id}/secret")
    tops = [
        page.locator(".older-secrets > li").nth(number).locator(part).evaluate("part => part.getBoundingClientRect().y")
        for number in range(2)
        for part in ("span >> nth=0", "button")
    ]
    assert tops[0] == pytest.approx(tops[1], abs=16)
    assert tops[2] == pytest.approx(tops[3], abs=16)
    assert tops[3] - tops[1] >= 36  # the height of a button, and room
