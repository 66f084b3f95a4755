"""The delivery log in Chromium: live search, filters, the detail, a retry."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, utcnow

LOG = "/admin/webhook-deliveries"

Log = tuple[Delivery, Delivery]


@pytest.fixture
def log(app: Flask) -> Log:
    """Make a failed delivery to Billing, and a successful one to Orders."""
    failed = settle(add_delivery(make_webhook(name="Billing")), 500, attempts_count=5)
    add_attempt(failed, number=5, response_body=b'{"error":"<b>down</b>"}')
    done = settle(add_delivery(make_webhook(name="Orders", event_types=["product.created"])))
    return failed, done


def rows(page: Page) -> Locator:
    return page.locator("#deliveries tbody tr")


def state_of(delivery: Delivery) -> str:
    db.session.rollback()
    return db.session.get_one(Delivery, delivery.id, populate_existing=True).status


def test_typing_searches_and_the_address_says_so(page: Page, log: Log) -> None:
    page.goto(LOG)
    expect(rows(page)).to_have_count(2)
    box = page.get_by_role("searchbox", name="Search deliveries")
    box.press_sequentially("bill", delay=20)
    expect(rows(page)).to_have_count(1)
    expect(box).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?q=bill$"))
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(box).to_have_value("bill")


def test_filters_work_together_and_can_be_cleared(page: Page, log: Log) -> None:
    page.goto(LOG)
    page.get_by_label("Status").select_option("delivered")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Category").select_option("license")
    expect(page.get_by_text("No deliveries match")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(rows(page)).to_have_count(2)


def test_the_sorting_stays_while_searching(page: Page, log: Log) -> None:
    page.goto(LOG)
    page.get_by_role("link", name="Attempted at").click()
    expect(page).to_have_url(re.compile("sort=time"))
    page.get_by_role("searchbox", name="Search deliveries").fill("e")
    expect(page).to_have_url(re.compile(r"q=e.*sort=time"))
    expect(rows(page).first).to_contain_text("Billing")


def test_new_deliveries_are_offered_and_shown_on_request(page: Page, log: Log) -> None:
    page.goto(LOG)
    expect(rows(page)).to_have_count(2)
    settle(add_delivery(log[0].webhook))
    page.evaluate("htmx.ajax('GET', document.querySelector('#newer').getAttribute('hx-get'), '#newer')")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("link", name="Show 1 new delivery").click()
    expect(rows(page)).to_have_count(3)


def test_the_detail_shows_the_attempt_and_retry_changes_it_in_place(page: Page, log: Log) -> None:
    failed, _ = log
    page.goto(LOG)
    page.get_by_role("link", name=f"View delivery {failed.id}").click()
    expect(page.get_by_role("heading", name="license.activated")).to_be_visible()
    expect(page.get_by_text('"error": "<b>down</b>"')).to_be_visible()
    expect(page.get_by_text("The endpoint answered 500 Internal Server Error.")).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#delivery .badge").first).to_contain_text("Retrying")
    expect(page.get_by_role("status")).to_contain_text("Queued")
    assert state_of(failed) == "pending"


def test_a_pending_delivery_follows_its_attempts_and_keeps_open_what_was_opened(page: Page, log: Log) -> None:
    failed, _ = log
    page.goto(f"{LOG}/{failed.id}")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#delivery .badge").first).to_contain_text("Retrying")
    page.get_by_text("Show as a curl command").click()
    curl = page.locator("#attempt-5-curl")
    expect(curl).to_be_visible()
    add_attempt(failed, number=6, outcome="delivered", response_code=200, response_body=b"fine")
    settle(db.session.get_one(Delivery, failed.id), attempts_count=6)
    expect(page.locator("#delivery .badge").first).to_contain_text("Delivered")
    expect(page.locator("#attempt-6")).to_be_visible()
    expect(curl).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader", name="Attempt 6")).to_be_visible()
    assert page.locator("#delivery").get_attribute("hx-trigger") is None


def test_a_row_is_retried_in_the_list(page: Page, log: Log) -> None:
    failed, _ = log
    page.goto(LOG)
    page.get_by_role("button", name=f"Retry delivery {failed.id}").click()
    row = page.locator(f"#delivery-{failed.id}")
    expect(row).to_contain_text("Retrying")
    expect(page.locator(f"#delivery-{failed.id}-retry")).to_be_focused()
    expect(page.locator("#status")).to_contain_text("Queued")
    settle(db.session.get_one(Delivery, failed.id), attempts_count=6)
    expect(row).to_contain_text("Delivered")
    expect(page.locator("#unfinished")).not_to_have_attribute("hx-trigger", re.compile("."))


def test_the_focus_stays_at_the_retry_while_its_attempt_is_in_progress(page: Page, log: Log) -> None:
    failed, _ = log
    for path, id in ((LOG, f"#delivery-{failed.id}-retry"), (f"{LOG}/{failed.id}", "#delivery-retry")):
        retrying = {"status": "pending", "due_at": utcnow() + timedelta(hours=1), "lease_token": None}
        settle(db.session.get_one(Delivery, failed.id), 500, **retrying)
        page.goto(path)
        page.locator(id).press("Enter")
        expect(page.locator("#status")).to_contain_text("Queued")
        held = {"status": "pending", "lease_token": "t", "due_at": utcnow() + timedelta(minutes=1)}
        settle(db.session.get_one(Delivery, failed.id), 500, **held)
        expect(page.get_by_text("sending now")).to_be_visible()
        expect(page.locator(id)).to_be_focused()
        settle(db.session.get_one(Delivery, failed.id), 500, attempts_count=2, lease_token=None)
        expect(page.get_by_text("sending now")).to_be_hidden()
        expect(page.locator(id)).to_be_focused()


def test_a_payload_of_256_kib_opens_quickly(page: Page, app: Flask) -> None:
    webhook = make_webhook()
    data = {"items": [{"key": f"{number:06}", "value": "x" * 100} for number in range(1_960)]}
    delivery = settle(add_delivery(webhook, data=data))
    assert len(delivery.event.body) > 250_000
    page.goto(f"{LOG}/{delivery.id}")
    begun = utcnow()
    page.get_by_text("[ 1,960 items ]").click()
    expect(page.get_by_text("… and 1,860 more: see the raw text")).to_be_visible()
    page.get_by_text("Raw", exact=True).click()
    expect(page.locator("#body-raw")).to_contain_text('"key":"001959"')
    assert utcnow() - begun < timedelta(seconds=4)


def test_everything_shown_is_retried_after_a_page_that_says_how_many(page: Page, log: Log) -> None:
    failed, done = log
    page.goto(f"{LOG}?status=failed")
    page.get_by_role("link", name="Retry all shown…").click()
    page.get_by_role("button", name="Retry 1 delivery").click()
    expect(page.get_by_text("1 queued for one more attempt")).to_be_visible()
    expect(page.get_by_text("Finished")).to_be_visible()
    assert (state_of(failed), state_of(done)) == ("pending", "delivered")


def test_the_log_is_used_with_the_keyboard_alone(page: Page, log: Log) -> None:
    failed, _ = log
    page.goto(LOG)
    page.get_by_role("searchbox", name="Search deliveries").focus()
    page.keyboard.type("billing")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="license.activated").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/{failed.id}$"))
