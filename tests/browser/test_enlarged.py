"""Texts in Chromium that readers enlarge, as WCAG 2.2 lets them (1.4.4)."""

from playwright.sync_api import Playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, open_context


def test_the_size_of_texts_is_the_readers_choice(playwright: Playwright, base_url: str) -> None:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, "--blink-settings=defaultFontSize=24"]
    )
    with open_context(browser, base_url) as context:
        page = context.new_page()
        page.goto("/login")
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "21px"  # 14 px of 16 px, as ever
    browser.close()
