"""The webhook pages in Chromium, with JavaScript."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Watch, open_context, sign_in, stored
from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, settle
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, utcnow


def test_search_finds_while_typing_and_keeps_the_focus(page: Page) -> None:
    make_webhook(name="Billing")
    make_webhook(name="Data warehouse")
    page.goto("/admin/webhooks")
    box = page.get_by_label("Search webhooks by name or URL")
    box.press_sequentially("ware", delay=30)
    expect(page.get_by_role("link", name="Billing", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Data warehouse", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/admin/webhooks\?q=ware$"))
    expect(box).to_be_focused()
    expect(page.locator("#status")).to_contain_text("1 webhook")
    page.reload()
    expect(box).to_have_value("ware")
    expect(page.get_by_role("link", name="Billing", exact=True)).to_have_count(0)


def test_filters_answer_at_once_and_can_be_cleared(page: Page) -> None:
    make_webhook(name="Billing")
    make_webhook(name="Staged", environment="staging")
    page.goto("/admin/webhooks")
    page.get_by_label("Environment", exact=True).select_option("staging")
    expect(page.get_by_role("link", name="Billing", exact=True)).to_have_count(0)
    page.get_by_label("Status", exact=True).select_option("inactive")
    page.get_by_label("Health", exact=True).select_option("disabled")
    expect(page).to_have_url(re.compile(r"status=inactive&health=disabled$"))
    page.get_by_role("link", name="Clear filters").click()
    expect(page.get_by_role("link", name="Billing", exact=True)).to_be_visible()
    expect(page.get_by_label("Environment", exact=True)).to_have_value("")


def test_sorting_survives_a_search(page: Page) -> None:
    for name in ("beta list", "alpha list", "other"):
        make_webhook(name=name)
    page.goto("/admin/webhooks")
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Search webhooks by name or URL").fill("list")
    expect(page).to_have_url(re.compile(r"q=list&sort=name$"))
    expect(page.locator("tbody [data-row-link]")).to_have_text(["alpha list", "beta list"])


def test_each_choice_of_a_filter_says_how_many_there_would_be(page: Page) -> None:
    make_webhook(name="On")
    make_webhook(name="Off", active=False)
    make_webhook(name="Staged", environment="staging")
    page.goto("/admin/webhooks")
    status = page.get_by_label("Status", exact=True)
    expect(status.locator("option")).to_have_text(["All statuses (3)", "Active (2)", "Inactive (1)"])
    expect(page.get_by_label("Health", exact=True).locator("option").nth(2)).to_have_text("No deliveries (2)")
    page.get_by_label("Environment", exact=True).focus()
    page.keyboard.press("ArrowDown")  # Production, from the keyboard
    expect(status.locator("option").first).to_have_text("All statuses (2)")
    expect(page.get_by_label("Environment", exact=True)).to_be_focused()
    expect(page.get_by_label("Environment", exact=True)).to_have_value("production")


def test_going_back_shows_the_list_as_it_was(page: Page) -> None:
    for number in range(30):
        make_webhook(name=f"Hook {number:02}")
    page.goto("/admin/webhooks?sort=name")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Hook 29", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="Hook 00", exact=True)).to_be_visible()
    expect(page.locator("nav.sidebar")).to_be_visible()


def test_the_number_of_rows_is_remembered(page: Page) -> None:
    for number in range(27):
        make_webhook(name=f"Hook {number:02}")
    page.goto("/admin/webhooks?sort=name")
    page.get_by_role("link", name="50", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(27)
    expect(page).to_have_url(re.compile(r"\?sort=name&size=50$"))
    page.goto("/admin/event-types")
    page.get_by_role("link", name="Webhooks", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(27)
    page.get_by_role("link", name="25", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(25)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(25)


def test_the_toggle_works_by_keyboard_and_keeps_the_focus(page: Page) -> None:
    webhook = make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    switch = page.get_by_role("switch", name="Billing active")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(switch).to_be_focused()
    expect(page.locator("#status")).to_contain_text("Billing is inactive now.")
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "true")
    assert stored(webhook.id).version == 3


def test_event_names_open_at_their_button_and_close_by_escape(page: Page) -> None:
    webhook = make_webhook(event_types=["product.deleted", "license.created"])
    page.goto("/admin/webhooks")
    names, button = page.locator(f"#webhook-{webhook.id}-event-names"), page.get_by_role("button", name="2 events")
    expect(names).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(names.get_by_role("listitem")).to_have_text(["license.created", "product.deleted"])
    page.keyboard.press("Escape")
    expect(names).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    box, below = button.bounding_box(), names.bounding_box()
    assert box
    assert below
    assert abs(below["y"] - box["y"] - box["height"]) < 12
    page.locator("h1").click()
    expect(names).to_be_hidden()


def test_the_secret_is_revealed_and_replaced_in_place(page: Page) -> None:
    webhook = make_webhook()
    secret = webhook.secret
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.get_by_role("link", name="Reveal").click()
    expect(page.get_by_label("Secret", exact=True)).to_have_value(secret)
    page.get_by_text("Generate new secret").first.click()
    page.get_by_role("button", name="Generate new secret").click()
    expect(page.get_by_text("It expires in 23 h 59 min")).to_be_visible()
    new = stored(webhook.id).secret
    assert new != secret
    expect(page.get_by_label("Secret", exact=True)).to_have_value(new)


def test_a_test_event_is_sent_from_the_row(page: Page, watch: Watch) -> None:
    watch.expect_status(422)
    make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    page.get_by_role("link", name="Send test event to Billing").click()
    page.get_by_label("Event type").select_option("contract.created")
    expect(page.get_by_label("Data")).to_have_value(re.compile("license_quota"))
    page.get_by_label("Data").fill("{broken")
    page.get_by_label("Event type").select_option("contract.deleted")
    expect(page.get_by_text("A contract was deleted.")).to_be_visible()
    expect(page.get_by_label("Data")).to_have_value("{broken")
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("The data is not JSON")).to_be_visible()
    expect(page.get_by_label("Data")).to_be_focused()
    expect(page.get_by_label("Data")).to_have_value("{broken")
    page.get_by_role("button", name="Load example").click()
    expect(page.get_by_label("Data")).to_have_value(re.compile("license_quota"))
    page.get_by_role("button", name="Send test event").click()
    page.get_by_role("link", name="View delivery").click()
    page.wait_for_url("**/admin/webhook-deliveries/*")


def test_the_switch_of_a_webhook_that_was_deleted_meanwhile_removes_its_row(page: Page) -> None:
    gone, there = make_webhook(name="Billing"), make_webhook(name="Support")
    page.goto("/admin/webhooks")
    gone.deleted_at = utcnow()
    db.session.commit()
    page.get_by_role("switch", name="Billing active").click()
    expect(page.get_by_role("alert")).to_contain_text("Billing was deleted in the meantime.")
    expect(page.locator("tbody [data-row-link]")).to_have_text(["Support"])
    expect(page.locator("#total-active")).to_have_text("1 Active")
    assert stored(there.id).active


def test_the_counts_follow_a_switch(page: Page) -> None:
    make_webhook(name="Billing")
    make_webhook(name="Other")
    page.goto("/admin/webhooks?q=bill")
    page.get_by_role("switch", name="Billing active").click()
    expect(page.locator("#webhook-totals li")).to_have_text(["0 Active", "1 Inactive"])
    expect(page.get_by_label("Status", exact=True).locator("option").nth(1)).to_have_text("Active (0)")
    page.get_by_role("link", name="0 Active").click()
    expect(page).to_have_url(re.compile(r"\?q=bill&status=active$"))
    expect(page.get_by_text("No webhooks match")).to_be_visible()
    page.get_by_role("link", name="0 Active").click()  # the second click removes the filter
    expect(page.locator("tbody [data-row-link]")).to_have_text(["Billing"])


@pytest.mark.parametrize("width", [360, 1280])
def test_the_answer_to_a_test_event_comes_into_view(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    webhook = make_webhook(name="Billing")
    page.goto(f"/admin/webhooks/{webhook.id}/test")
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("On its way to the endpoint.")).to_be_in_viewport(ratio=1)
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    add_attempt(delivery, response_body=b'{"error":"the disk is full"}')
    settle(delivery, 500)
    expect(page.locator("#test-result").get_by_text("The endpoint answered 500")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("the disk is full").locator("visible=true")).to_be_in_viewport(ratio=1)
    form, result = page.locator("#test-event").bounding_box(), page.locator("#result").bounding_box()
    assert form
    assert result
    assert (result["x"] > form["x"] + form["width"]) is (width == 1280)  # beside the form, where there is room
    expect(page.locator("#status")).to_contain_text("Test failed. The endpoint answered 500")
    expect(page.get_by_role("button", name="Send test event")).to_be_focused()
    assert page.locator("#test-result [hx-get]").count() == 0


def test_a_failed_request_is_said_aloud(page: Page, watch: Watch) -> None:
    watch.expect_status(404)
    webhook = make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    db.session.delete(webhook)
    db.session.commit()
    page.get_by_role("switch", name="Billing active").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no webhook")
    watch.problems = [problem for problem in watch.problems if "Response Status Error Code 404" not in problem]


def test_a_server_that_answers_again_is_no_longer_called_out_of_reach(page: Page, watch: Watch) -> None:
    make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    page.route("**/active", lambda route: route.abort())
    page.get_by_role("switch", name="Billing active").click()
    expect(page.get_by_role("alert")).to_contain_text("The server can't be reached")
    page.unroute("**/active")
    page.get_by_role("switch", name="Billing active").click()
    expect(page.locator("#status")).to_contain_text("Billing is inactive now.")
    expect(page.get_by_role("alert")).to_be_empty()
    told = ("net::ERR_FAILED", "htmx:sendError")
    watch.problems = [problem for problem in watch.problems if not any(words in problem for words in told)]


@pytest.mark.parametrize(("status", "said"), [(404, "There is no webhook"), (502, "responded with error 502")])
def test_an_error_is_said_also_if_the_list_was_replaced_before_it_came(
    page: Page, watch: Watch, status: int, said: str
) -> None:
    watch.expect_status(status)
    webhook = make_webhook(name="Billing")
    page.goto("/admin/webhooks")
    held: list[Route] = []
    page.route("**/active*", lambda route: held.append(route))
    with page.expect_request("**/active*"):
        page.get_by_role("switch", name="Billing active").click()
    db.session.delete(webhook)
    db.session.commit()
    page.get_by_label("Search webhooks by name or URL").fill("bill")
    expect(page.get_by_role("switch", name="Billing active")).to_have_count(0)
    expect(page.locator("#alert")).to_be_empty()
    if status == 502:
        held[0].fulfill(status=502)
    else:
        held[0].continue_()
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_the_dark_scheme_can_be_chosen(page: Page) -> None:
    page.goto("/admin/webhooks")
    page.get_by_role("button", name="Account: admin@example.com").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_with_colors_of_the_system_the_present_section_has_a_frame(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/admin/webhooks")
    frames = page.locator("nav.sidebar a").evaluate_all("links => links.map((a) => getComputedStyle(a).outlineStyle)")
    assert frames.count("solid") == 1


def test_on_a_phone_the_sections_are_behind_a_button(browser: Browser, base_url: str, watch: Watch) -> None:
    make_webhook(name="Billing", url="https://example.com/" + "long/" * 60)
    with open_context(browser, base_url, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        expect(page.get_by_role("navigation", name="Sections")).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        expect(page.get_by_role("navigation", name="Sections")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("navigation", name="Sections")).to_be_hidden()
        expect(page.get_by_role("switch", name="Billing active")).to_be_visible()
