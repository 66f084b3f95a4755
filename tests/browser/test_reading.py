"""Reading deliveries and event types in Chromium: with the keyboard, on paper, and by a link to an event type."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.support.attempts import count_attempts
from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.models import Delivery, utcnow

LOG = "/admin/webhook-deliveries"


@pytest.fixture
def failed(app: Flask) -> Delivery:
    data = {"product": {"name": "Atlas"}, "seats": [1, 2]}
    delivery = settle(add_delivery(make_webhook(name="Billing"), data), 500, attempts_count=2)
    add_attempt(delivery, response_body=b"the first answer")
    add_attempt(delivery, number=2, response_body=b"the second answer")
    return delivery


def test_json_folds_by_keyboard(page: Page, failed: Delivery) -> None:
    page.goto(f"{LOG}/{failed.id}")
    body = page.get_by_role("region", name="Request body")
    product = body.locator("summary", has_text='"product"')
    name = body.get_by_text('"Atlas"', exact=True)
    expect(product).to_have_text('"product": { 1 field }')
    expect(name).to_be_hidden()
    body.locator("summary", has_text='"data"').focus()
    page.keyboard.press("Tab")
    expect(product).to_be_focused()
    page.keyboard.press("Enter")
    expect(name).to_be_visible()
    page.keyboard.press("Space")
    expect(name).to_be_hidden()


def test_arrows_and_enter_go_through_the_log(page: Page, failed: Delivery) -> None:
    newer = settle(add_delivery(failed.webhook))
    page.goto(LOG)
    page.get_by_role("searchbox", name="Search deliveries").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#delivery-{newer.id}-event")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#delivery-{failed.id}-event")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/{failed.id}$"))


def test_on_paper_a_delivery_is_whole_and_without_controls(page: Page, failed: Delivery) -> None:
    page.goto(f"{LOG}/{failed.id}")
    expect(page.get_by_text("the first answer")).to_be_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    for control in ("nav.sidebar", ".topbar", ".toasts", "a.back", "main .copy >> nth=0", "#delivery-retry"):
        expect(page.locator(control)).to_be_hidden()
    for text in ("the first answer", "the second answer", '"Atlas"'):
        expect(page.get_by_text(text).locator("visible=true").first).to_be_visible()
    expect(page.locator("#body-raw")).to_be_hidden()
    expect(page.locator("#attempt-1-curl")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_the_log_is_a_table_alone(page: Page, failed: Delivery) -> None:
    page.goto(LOG)
    page.emulate_media(media="print")
    expect(page.get_by_role("table")).to_be_visible()
    for control in ("#delivery-filters", ".list-actions", ".row-actions >> nth=0", "nav.sidebar"):
        expect(page.locator(control)).to_be_hidden()
    expect(page.get_by_role("columnheader", name="Actions")).to_have_count(0)


def test_on_paper_the_next_attempt_stays_in_its_column(page: Page) -> None:
    add_delivery(make_webhook(), attempts_count=1, due_at=utcnow() + timedelta(minutes=5))
    page.set_viewport_size({"width": 720, "height": 900})  # A4 without its margins
    page.goto(LOG)
    page.emulate_media(media="print")
    status = page.get_by_role("cell", name="next")
    assert status.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


@pytest.mark.parametrize(
    "address", [LOG, "/admin/webhooks", "/admin/webhooks/1", "/admin/overview", "/admin/notices", "/admin/events/1"]
)
def test_paper_has_no_controls(page: Page, failed: Delivery, address: str) -> None:
    page.goto(address)
    expect(page.locator("main :is(.button, .segments, .card-header a)").locator("visible=true").first).to_be_visible()
    page.emulate_media(media="print")
    for control in (".button", ".segments", ".card-header > a", "select", "text=Print all", "text=Actions"):
        expect(page.locator("main").locator(control).locator("visible=true")).to_have_count(0)


def test_the_rows_for_paper_begin_below_their_heading(page: Page, failed: Delivery) -> None:
    for address in ("/admin/webhooks?print=1", f"{LOG}?print=1"):
        page.goto(address)
        assert page.pdf(format="A4").count(b"/Type /Page\n") == 1, address


def test_paper_shows_what_the_colors_of_a_chart_mean(page: Page, failed: Delivery) -> None:
    """Browsers leave out backgrounds unless a page says that they matter."""
    count_attempts(failed.webhook_id, succeeded=True)
    page.goto(f"/admin/webhooks/{failed.webhook_id}")
    swatch = page.locator(".legend i").first
    assert swatch.evaluate("swatch => getComputedStyle(swatch).printColorAdjust") == "exact"


def test_paper_has_no_heading_without_code(page: Page, failed: Delivery) -> None:
    page.goto("/admin/webhooks/1")
    headings = page.locator("#verification h3").locator("visible=true")
    expect(headings.filter(has_text="Frameworks")).to_have_count(1)
    page.emulate_media(media="print")
    expect(headings).to_have_text("Languages")
    page.emulate_media(media="screen")
    page.locator("#code-flask > summary").click()
    page.emulate_media(media="print")
    expect(headings).to_have_text("Frameworks")


def test_the_id_of_an_event_stands_beside_its_label(page: Page, failed: Delivery) -> None:
    page.goto(f"/admin/events/{failed.event_id}")
    middle = """element => {
        const range = document.createRange()
        range.selectNodeContents(element)
        const box = range.getBoundingClientRect()
        return (box.top + box.bottom) / 2
    }"""
    label = page.get_by_text("Event ID", exact=True).evaluate(middle)
    assert abs(label - page.locator("#event-id").evaluate(middle)) < 3


@pytest.mark.parametrize("kind", ["page", "plain_page"])
@pytest.mark.parametrize("address", ["#contract.updated", "?type=contract.updated"])
def test_a_link_opens_an_event_type(request: pytest.FixtureRequest, app: Flask, kind: str, address: str) -> None:
    page = request.getfixturevalue(kind)
    page.goto(f"/admin/event-types{address}")
    expect(page.locator("#example-contract\\.updated")).to_be_visible()
    expect(page.get_by_text("Only in updated events").locator("visible=true")).to_have_count(1)
    expect(page.locator("#example-contract\\.created")).to_be_hidden()
