"""From a failing webhook or a license key to the answer: with JavaScript, without it, and on the keyboard."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from jobs.publish import publish
from tests.browser.conftest import Watch, open_context, sign_in
from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Webhook, utcnow

LIST, LOG = "/admin/webhooks", "/admin/webhook-deliveries"
KEY = "ATLAS-7F3K-9Q2M"


@pytest.fixture
def failing(app: Flask) -> Webhook:
    """Make a webhook whose only delivery failed."""
    webhook = make_webhook(name="Billing", breaker_opened_at=utcnow(), consecutive_failures=34, failing_since=utcnow())
    delivery = settle(add_delivery(webhook), 500)
    add_attempt(delivery, response_body=b"out of memory")
    since = utcnow().isoformat()
    cause = {"outcome": "bad_status", "code": 500, "text": "out of memory", "count": 34, "since": since}
    webhook.failures = [cause | {"delivery": delivery.id}]
    db.session.commit()
    return webhook


@pytest.fixture
def known(app: Flask) -> str:
    """Publish an event with a license key. Return its id."""
    make_webhook(name="Orders")
    id = publish("production", [NewEvent("license.activated", {"license_key": KEY})])[0].id
    db.session.rollback()
    return id


def test_the_reason_is_on_the_row_and_leads_to_the_delivery(page: Page, failing: Webhook) -> None:
    page.goto(LIST)
    row = page.locator(f"#webhook-{failing.id}")
    expect(row).to_contain_text("500 Internal Server Error, 34 ×, the first just now: out of memory")
    row.get_by_role("link", name="500 Internal Server Error").click()
    expect(page.get_by_text("The endpoint answered 500 Internal Server Error.")).to_be_visible()


def test_the_reason_is_there_without_javascript_and_leads_to_all_deliveries(plain_page: Page, failing: Webhook) -> None:
    plain_page.goto(f"{LIST}/{failing.id}")
    causes = plain_page.get_by_role("region", name="Why attempts fail")
    expect(causes).to_contain_text("out of memory")
    causes.get_by_role("link", name="34 ×").click()
    expect(plain_page.locator("#deliveries tbody tr")).to_have_count(1)
    expect(plain_page.get_by_label("Status")).to_have_value("with_failures")


def test_why_nothing_arrives_takes_two_clicks(page: Page, failing: Webhook) -> None:
    page.goto(LIST)
    page.get_by_role("link", name="Billing", exact=True).click()
    page.get_by_role("link", name="Troubleshoot").click()
    checks = page.get_by_role("region", name="Checks")
    expect(checks).to_contain_text("34 attempts in a row failed, so its deliveries wait.")
    expect(checks).to_contain_text("The endpoint doesn't accept them")


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_the_endpoint_is_checked_on_a_click(request: pytest.FixtureRequest, kind: str, failing: Webhook) -> None:
    failing.url = "https://10.0.0.1/hook"
    db.session.commit()
    page: Page = request.getfixturevalue(kind)
    page.goto(f"{LIST}/{failing.id}/why-nothing")
    page.get_by_role("button", name="Check the endpoint").press("Enter")
    expect(page.get_by_role("region", name="Endpoint")).to_contain_text("No delivery may go there")


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_a_webhook_is_activated_where_it_is_said_to_be_inactive(
    request: pytest.FixtureRequest, kind: str, app: Flask
) -> None:
    webhook = make_webhook(name="Billing", active=False)
    page: Page = request.getfixturevalue(kind)
    page.goto(f"{LIST}/{webhook.id}/why-nothing")
    page.get_by_role("button", name="Activate").press("Enter")
    expect(page.get_by_role("region", name="Checks")).to_contain_text("It is active")
    expect(page.get_by_role("status").filter(has_text="Billing is active now.")).to_be_visible()
    expect(page).to_have_url(re.compile("/why-nothing$"))


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_a_signature_is_checked_step_by_step(request: pytest.FixtureRequest, kind: str, failing: Webhook) -> None:
    page: Page = request.getfixturevalue(kind)
    page.goto(f"{LIST}/{failing.id}/signature")
    page.get_by_label("Headers").fill("webhook-id: evt_1\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA")
    page.get_by_label("Body").fill("{}")
    page.get_by_role("button", name="Check the signature").press("Enter")
    result = page.get_by_role("status", name="Result")
    expect(result).to_contain_text("The headers are there")
    expect(result).to_contain_text("The log has no attempt of this webhook with this webhook-id")
    expect(result).to_contain_text("Neither this body nor a common change of it was signed with this secret.")


def test_the_delivery_of_a_license_key_is_found_in_the_log(page: Page, known: str) -> None:
    page.goto(LOG)
    page.get_by_role("searchbox", name="Search deliveries").fill(KEY[:9].lower())
    expect(page.locator("#deliveries tbody tr")).to_have_count(1)
    expect(page.locator("#deliveries tbody")).to_contain_text(known)


def test_the_event_of_a_license_key_is_found_in_the_palette_on_the_keyboard(page: Page, known: str) -> None:
    page.goto(LIST)
    page.keyboard.press("Control+k")
    page.keyboard.type(KEY)
    expect(page.locator("#palette-results")).to_contain_text("All deliveries with")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/events/\d+$"))
    expect(page.locator("#event-id")).to_have_text(known)


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_an_event_is_sent_to_a_webhook_of_another_environment(
    request: pytest.FixtureRequest, kind: str, known: str
) -> None:
    other = make_webhook(name="Staging", environment="staging")
    page: Page = request.getfixturevalue(kind)
    page.goto(f"/admin/palette?q={KEY}")
    page.get_by_role("link", name=re.compile("license.activated")).click()
    page.get_by_label("Webhook", exact=True).select_option(label="Staging (staging)")
    page.get_by_role("button", name="Send event").press("Enter")
    expect(page.get_by_role("heading", name="Send this event to another environment?")).to_be_visible()
    page.get_by_role("button", name="Send event").press("Enter")
    expect(page.get_by_text("Replay", exact=True)).to_be_visible()
    db.session.rollback()
    replay = db.session.scalars(db.select(Delivery).filter_by(webhook_id=other.id)).one()
    assert replay.trigger == "replay"


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_an_event_that_is_sent_to_a_webhook_that_is_gone_has_the_focus_on_the_choice(
    request: pytest.FixtureRequest, kind: str, known: str, watch: Watch
) -> None:
    watch.expect_status(422)
    other = make_webhook(name="Gone")
    page: Page = request.getfixturevalue(kind)
    page.goto(f"/admin/palette?q={KEY}")
    page.get_by_role("link", name=re.compile("license.activated")).click()
    choice = page.get_by_label("Webhook", exact=True)
    choice.select_option(label="Gone (production)")
    other.deleted_at = utcnow()
    db.session.commit()
    page.get_by_role("button", name="Send event").press("Enter")
    expect(choice).to_have_attribute("aria-invalid", "true")
    expect(choice).to_be_focused()


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_what_has_arrived_is_sent_again_after_a_question(request: pytest.FixtureRequest, kind: str, app: Flask) -> None:
    done = settle(add_delivery())
    page: Page = request.getfixturevalue(kind)
    page.goto(LOG)
    page.get_by_role("link", name=f"Resend delivery {done.id}").press("Enter")
    expect(page.get_by_text("It gets the same event a second time")).to_be_visible()
    page.get_by_role("button", name="Resend").press("Enter")
    expect(page.locator("#delivery .badge").first).to_contain_text("Retrying")


@pytest.mark.parametrize("kind", ["page", "plain_page"])
def test_all_that_failed_since_an_hour_take_three_clicks(
    request: pytest.FixtureRequest, kind: str, failing: Webhook
) -> None:
    settle(add_delivery(failing), 500)
    settle(add_delivery(failing))
    page: Page = request.getfixturevalue(kind)
    page.goto(LOG)
    page.get_by_role("link", name="Retry all that failed since delivery 1", exact=True).press("Enter")
    page.get_by_role("button", name="Retry 2 deliveries").press("Enter")
    expect(page.get_by_text("2 waiting for their webhooks")).to_be_visible()
    page.get_by_role("link", name="2 waiting for their webhooks").press("Enter")
    expect(page.locator("#deliveries tbody tr")).to_have_count(2)
    expect(page.get_by_text("Bulk action 1")).to_be_visible()


def test_the_overview_changes_its_range_in_place(page: Page, failing: Webhook) -> None:
    page.goto("/admin/overview")
    expect(page.get_by_role("region", name="Needs attention")).to_contain_text("out of memory")
    page.get_by_role("link", name="7 days").press("Enter")
    expect(page).to_have_url(re.compile(r"range=7d"))
    expect(page.locator("#range-7d")).to_be_focused()
    expect(page.locator("#range-7d")).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("path", ["/admin/overview", "/admin/webhooks/1", "/admin/webhooks/1/why-nothing"])
def test_the_answers_fit_a_window_of_320_pixels(browser: Browser, base_url: str, failing: Webhook, path: str) -> None:
    with open_context(browser, base_url, viewport={"width": 320, "height": 800}) as context:
        page = context.new_page()
        sign_in(page)
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
