"""The webhook pages with the keyboard alone."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle


def test_the_palette_leads_to_a_webhook(page: Page) -> None:
    page.goto("/admin/webhooks")
    make_webhook(name="Billing sync")
    page.keyboard.press("Control+k")
    box = page.get_by_label("Go to a page, webhook or event").locator("visible=true").last
    expect(page.locator("#palette-input")).to_be_focused()
    expect(page.locator("#palette").get_by_role("link", name="Audit Log")).to_be_visible()
    box.press_sequentially("billing")
    expect(page.locator("#palette").get_by_role("link", name="Billing sync")).to_be_visible()
    expect(page.locator("#palette").get_by_role("link")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Billing sync", level=1)).to_be_visible()


def test_enter_in_the_palette_opens_the_first_result(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette").get_by_role("link", name="Audit Log")).to_be_visible()
    page.locator("#palette-input").press_sequentially("audit")
    expect(page.locator("#palette").get_by_role("link")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Audit Log", level=1)).to_be_visible()


def test_escape_closes_the_palette(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_escape_closes_the_palette_in_the_middle_of_a_word_and_the_focus_goes_back(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.locator("#create-webhook").focus()
    for move in ("", "ArrowDown"):  # in the box, and among the results
        page.keyboard.press("Control+k")
        expect(page.locator("#palette-input")).to_be_focused()
        page.keyboard.type("audit")
        expect(page.locator("#palette-input")).to_have_value("audit")
        expect(page.locator("#palette").get_by_role("link")).to_have_count(1)
        if move:
            page.keyboard.press(move)
        page.keyboard.press("Escape")
        expect(page.locator("#palette")).to_be_hidden()
        expect(page.locator("#create-webhook")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("team")
    expect(page.locator("#palette-input")).to_have_value("team")


@pytest.mark.parametrize("key", ["Enter", "ArrowDown", "Escape"])
def test_keys_of_an_input_method_are_left_to_it(page: Page, key: str) -> None:
    """Enter takes what it offers, arrow keys choose, and Esc closes its window."""
    page.goto("/admin/webhooks")
    page.keyboard.press("Control+k")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Input.imeSetComposition", {"text": "audit", "selectionStart": 5, "selectionEnd": 5})
    expect(page.locator("#palette").get_by_role("link")).to_have_count(1)
    devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": key, "code": key})
    page.keyboard.insert_text("team")  # ends the composition
    expect(page.locator("#palette-input")).to_have_value("team")
    expect(page.locator("#palette-input")).to_be_focused()
    expect(page.get_by_role("heading", name="Webhooks", level=1)).to_be_visible()


def test_single_keys_search_create_and_go(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.keyboard.press("/")
    search = page.get_by_label("Search webhooks by name or URL")
    expect(search).to_be_focused()
    page.keyboard.type("c?")  # no shortcuts in a field
    expect(search).to_have_value("c?")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/admin/webhook-deliveries*")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/admin/webhooks")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_url("**/admin/webhooks/new")


def test_single_keys_can_be_turned_off_and_the_palette_goes_on_working(page: Page) -> None:
    make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("The account menu at the top turns off those")
    page.keyboard.press("Escape")
    page.locator(".user-button").click()
    page.get_by_role("group", name="Keyboard shortcuts").get_by_role("button", name="Off").click()
    expect(page.locator("html")).to_have_attribute("data-shortcuts", "off")
    for key in ("?", "/", "g", "d", "g", "w", "c"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_label("Search webhooks by name or URL")).not_to_be_focused()
    page.keyboard.press("Control+k")  # a page that c or g d had opened would be there by now
    expect(page.locator("#palette-input")).to_be_focused()
    assert page.url.endswith("/admin/webhooks")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.locator(".user-button").click()
    page.get_by_role("button", name="Show all shortcuts").click()
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("are off now")
    page.keyboard.press("Escape")
    page.locator(".user-button").click()
    page.get_by_role("group", name="Keyboard shortcuts").get_by_role("button", name="On").click()
    expect(page.locator("html")).to_have_attribute("data-shortcuts", "on")
    page.keyboard.press("c")
    page.wait_for_url("**/admin/webhooks/new")


def test_the_account_menu_scrolls_in_a_low_window(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 256})  # a zoom of 400 %
    page.goto("/admin/webhooks")
    page.locator(".user-button").click()
    page.get_by_role("button", name="Sign out").focus()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)


def test_arrows_move_through_the_rows(page: Page) -> None:
    for name in ("Beta", "Alpha"):
        make_webhook(name=name)
    page.goto("/admin/webhooks?sort=name")
    page.get_by_role("link", name="Alpha", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Beta", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Alpha", level=1)).to_be_visible()


def test_several_are_chosen_and_switched_off_by_keyboard(page: Page) -> None:
    for name in ("Alpha", "Beta"):
        make_webhook(name=name)
    page.goto("/admin/webhooks")
    expect(page.get_by_text("Selected webhooks:")).to_be_hidden()
    page.get_by_label("Select all on this page").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Deactivate").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Deactivate 2 webhooks?")).to_be_visible()
    page.get_by_role("button", name="Deactivate 2 webhooks").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("2 webhooks are inactive now.")


def test_the_environment_is_switched_in_the_top_bar(page: Page) -> None:
    make_webhook(name="Alpha")
    make_webhook(name="Staged", environment="staging")
    page.goto("/admin/webhooks")
    page.get_by_role("button", name="Environment: all").click()
    page.get_by_role("button", name="Staging").click()
    expect(page.get_by_role("button", name="Environment: Staging")).to_be_visible()
    expect(page.get_by_role("link", name="Alpha", exact=True)).to_have_count(0)
    page.get_by_label("Environment", exact=True).select_option("")
    expect(page.get_by_role("link", name="Alpha", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("path", "link", "next_one"),
    [
        ("/admin/webhooks", "Skip the rows", "Print all"),
        ("/admin/webhook-deliveries", "Skip the rows", "Retry all shown"),
        ("/admin/webhooks/new", "Skip the event types", "Filter"),
    ],
)
def test_a_long_part_can_be_skipped(page: Page, path: str, link: str, next_one: str) -> None:
    for number in range(3):
        settle(add_delivery(make_webhook(name=f"Hook {number}")), 500)
    page.goto(path)
    page.locator("main input[type=search]").first.focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.get_by_role("link", name=link).evaluate("link => link === document.activeElement"):
            break
    expect(page.get_by_role("link", name=link)).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_contain_text(next_one)
