"""A webhook is tried before its endpoint exists: with JavaScript and real deliveries, and without JavaScript."""

import requests
from playwright.sync_api import Page, expect

from jobs.deliver import deliver
from webhooks_ui.database import db
from webhooks_ui.models import Webhook


def test_a_webhook_is_tried_before_its_endpoint_exists(page: Page, base_url: str) -> None:
    page.goto("/admin/inspector")
    page.locator("#create-inspector").press("Enter")
    url = page.locator("#inspector-url").input_value()
    assert url.startswith(f"{base_url}/inspect/")
    inspector = page.url
    expect(page.locator("#waiting")).to_be_visible()
    create = page.get_by_role("link", name="Create a webhook for it")
    address = create.get_attribute("href")
    assert address
    form = page.context.new_page()
    form.goto(address)
    expect(form.locator("#url")).to_have_value(url)
    form.get_by_role("checkbox", name="license.activated").check()
    form.locator("#webhook-form .form-actions .primary").click()
    expect(form.get_by_role("heading", name="Inspector 1")).to_be_visible()
    db.session.rollback()
    webhook = db.session.scalars(db.select(Webhook)).one()
    form.goto(f"/admin/webhooks/{webhook.id}/test")
    form.locator("#test-event .primary").click()
    expect(form.locator("#test-result")).to_contain_text("On its way")
    deliver()
    expect(page.locator("#requests li")).to_have_count(1)  # by itself, in the page that was open before
    expect(page.locator("#request")).to_contain_text("These are the bytes that were signed")
    expect(page.locator("#request")).to_contain_text(f"of {webhook.name}, attempt 1")
    requests.post(url, data=b'{"other": 1}', timeout=20)
    expect(page.locator("#requests li")).to_have_count(2)
    expect(page.locator("#request")).to_contain_text("These are the bytes that were signed")  # what one reads stays
    page.locator("#requests a").first.click()
    expect(page.locator("#request")).to_contain_text("Not signed")
    expect(page.locator("#requests a").first).to_have_attribute("aria-current", "true")
    expect(page.locator("#requests [aria-current]")).to_have_count(1)
    page.reload()
    expect(page.locator("#request")).to_contain_text("Not signed")
    assert page.url.startswith(f"{inspector}?request=")


def test_without_javascript_the_answer_is_set_and_requests_are_there_after_a_reload(plain_page: Page) -> None:
    page = plain_page
    page.goto("/admin/inspector")
    page.get_by_label("Name").fill("Mine")
    page.locator("#create-inspector").click()
    url = page.locator("#inspector-url").input_value()
    page.locator("#answer > summary").click()
    page.get_by_label("Status").select_option("429")
    page.get_by_label("Retry-After").fill("30")
    page.get_by_label("Body").fill("slow down")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#answer > summary")).to_contain_text("429 Too Many Requests, at once")
    for body in (b"first", b"second"):
        answer = requests.put(url, data=body, timeout=20)
        assert (answer.status_code, answer.headers["Retry-After"], answer.text) == (429, "30", "slow down")
    page.reload()
    expect(page.locator("#received-raw")).to_have_text("second")
    page.locator("#requests a").last.click()
    expect(page.locator("#received-raw")).to_have_text("first")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete inspector").click()
    expect(page.get_by_text("Mine was deleted")).to_be_visible()
    assert requests.put(url, timeout=20).status_code == 404


def test_what_is_said_about_the_url_keeps_its_distance_from_the_button(page: Page) -> None:
    page.goto("/admin/inspector")
    page.locator("#create-inspector").press("Enter")
    button = page.get_by_role("link", name="Create a webhook for it").bounding_box()
    words = page.get_by_text("Whoever knows this URL can send to it.").bounding_box()
    assert button
    assert words
    assert words["y"] - (button["y"] + button["height"]) >= 6


def test_paper_has_all_requests_and_each_time_once(page: Page) -> None:
    page.goto("/admin/inspector")
    page.locator("#create-inspector").press("Enter")
    url = page.locator("#inspector-url").input_value()
    for _ in range(8):
        requests.post(url, data=b"{}", timeout=20)
    page.reload()
    page.emulate_media(media="print")
    rows = page.locator(".requests")
    assert rows.evaluate("rows => rows.scrollHeight <= rows.clientHeight")
    times = rows.locator("time")
    assert times.evaluate_all("times => times.map((time) => getComputedStyle(time).fontSize)") == ["0px"] * 8
