"""Texts in Chromium that readers space out or enlarge, as WCAG 2.2 lets them (1.4.4 and 1.4.12)."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, Playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, open_context
from tests.browser.targets import cut_off
from tests.support.factories import make_api_key, make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import utcnow

LOG = "/admin/webhook-deliveries"
SPACE_OUT = """() => {
    const style = new CSSStyleSheet()
    style.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important }
        * { word-spacing: 0.16em !important }
        p { margin-block-end: 2em !important }`)
    document.adoptedStyleSheets = [style]
}"""


@pytest.mark.parametrize("width", [320, 1280])
def test_spaced_texts_are_not_cut_off(page: Page, width: int) -> None:
    webhook, (key, _) = make_webhook(), make_api_key()
    delivery = settle(add_delivery(webhook), 500, attempts_count=2)
    add_attempt(delivery)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        f"{LOG}/{delivery.id}",
        f"{LOG}/retries?webhook={webhook.id}",
        f"/admin/webhooks/{webhook.id}",
        f"/admin/webhooks/{webhook.id}/why-nothing",
        f"/admin/api-keys/{key.id}",
    ):
        page.goto(path)
        page.evaluate(SPACE_OUT)
        assert cut_off(page) == [], path


def test_spaced_texts_of_a_list_stay_in_their_columns(page: Page) -> None:
    make_webhook(event_types=list(EVENT_TYPES), created_at=utcnow() - timedelta(minutes=16))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/webhooks")
    assert page.locator("[data-label=Created] time").evaluate("time => time.getClientRects().length") == 1
    assert page.locator("[data-label=Events] button").evaluate("button => button.offsetHeight") < 32, "two lines"
    page.evaluate(SPACE_OUT)
    cells = page.locator("tbody td:visible")
    assert cells.evaluate_all("cells => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length") == 0


def test_the_size_of_texts_is_the_readers_choice(playwright: Playwright, base_url: str) -> None:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, "--blink-settings=defaultFontSize=24"]
    )
    with open_context(browser, base_url) as context:
        page = context.new_page()
        page.goto("/login")
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "21px"  # 14 px of 16 px, as ever
    browser.close()
