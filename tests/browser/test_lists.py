"""The lists in Chromium: how much fits on a screen, what stays selected, and what lies over what."""

import re
from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Watch, open_context, sign_in
from tests.browser.targets import shortened_choices
from tests.support.factories import make_api_key, make_webhook
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Stats, utcnow
from webhooks_ui.models.stats import hour_of

ROWS_IN_SIGHT = """() => [...document.querySelectorAll("main tbody tr")].filter(
    (row) => row.getBoundingClientRect().bottom <= innerHeight).length"""


def make_list(count: int = 25, domain: str = "example.com") -> None:
    for number in range(count):
        make_webhook(name=f"Hook {number:02}", url=f"https://customer-{number}.{domain}/shop/webhooks/incoming")


def test_a_screen_shows_many_rows_and_fewer_if_the_reader_wants_more_room(page: Page) -> None:
    page.goto("/admin/webhooks")
    make_list()
    webhook = make_webhook(name="Billing")
    for _ in range(25):
        settle(add_delivery(webhook))
    page.set_viewport_size({"width": 1280, "height": 900})
    in_sight = {}
    for density in ("Compact", "Comfortable"):
        page.get_by_role("button", name="Account: admin@example.com").click()
        page.get_by_role("button", name=density).click()
        for path in ("/admin/webhooks", "/admin/webhook-deliveries"):
            page.goto(path)
            in_sight[density, path] = page.evaluate(ROWS_IN_SIGHT)
    assert in_sight["Compact", "/admin/webhooks"] >= 15
    assert in_sight["Compact", "/admin/webhook-deliveries"] >= 14
    assert in_sight["Comfortable", "/admin/webhooks"] <= 13
    assert in_sight["Comfortable", "/admin/webhook-deliveries"] <= 11


def test_the_widest_screens_show_long_hosts_whole_in_a_line(page: Page) -> None:
    make_list(domain="integrations.eu-central-1.example.com")
    page.set_viewport_size({"width": 1920, "height": 900})
    page.goto("/admin/webhooks")
    assert page.evaluate(ROWS_IN_SIGHT) >= 15
    row = page.locator("tbody tr").first
    host, end = row.locator(".url-parts:visible bdi").first, row.locator(".url-parts:visible bdi").last
    expect(end).to_have_text("/incoming")
    assert host.evaluate("host => host.getClientRects().length === 1")
    assert host.evaluate("host => host.offsetTop") == end.evaluate("end => end.offsetTop")


@pytest.mark.parametrize(
    ("path", "box", "link"),
    [
        ("/admin/webhooks", "Search webhooks by name or URL", "#sort-name"),
        ("/admin/webhook-deliveries", "Search deliveries", "#sort-status"),
        ("/admin/audit-log", "Actor", "#audit-older"),
    ],
)
def test_a_click_during_a_search_leaves_the_list_as_the_box_says(page: Page, path: str, box: str, link: str) -> None:
    for name in ("alpha", "beta"):
        settle(add_delivery(make_webhook(name=name)))
        db.session.add_all(AuditEntry(at=utcnow(), actor=name, action="x", object_type="x") for _ in range(30))
        db.session.commit()
    page.goto(path)
    held: list[Route] = []
    page.route(lambda address: "alpha" in address, lambda route: held.append(route))
    rows = page.locator("main tbody tr")
    with page.expect_request(lambda request: "alpha" in request.url):
        page.get_by_label(box).fill("alpha")
    page.locator(link).click()
    held[0].continue_()
    expect(rows.filter(has_text="beta")).to_have_count(0)
    expect(rows.filter(has_text="alpha").first).to_be_visible()
    expect(page).to_have_url(re.compile("=alpha"))


@pytest.mark.parametrize("width", [320, 768, 1280, 1440, 1680, 1920])
def test_the_name_the_host_and_the_end_of_the_path_can_be_read_in_any_width(page: Page, width: int) -> None:
    make_webhook(name="Orders of Europe", url="https://customer-1.example.com/" + "a/very/long/" * 20 + "incoming")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhooks")
    url = page.locator(".url-parts:visible")
    parts = url.locator("bdi")
    expect(parts.first).to_have_text("customer-1.example.com")
    expect(parts.last).to_have_text(re.compile("/incoming$"))
    for part in (parts.first, parts.last):
        assert part.evaluate("part => part.scrollWidth <= part.clientWidth + 1")
    name = page.locator("[data-row-link] bdi").bounding_box()
    assert name
    assert name["height"] < 50  # two lines on a phone
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [320, 1024, 1440])
def test_a_long_word_of_an_answer_stays_in_its_column(page: Page, width: int) -> None:
    cause = {"outcome": "bad_status", "code": 500, "text": "x" * 80, "count": 3, "since": utcnow().isoformat()}
    make_webhook(failures=[cause | {"delivery": 1}])
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhooks")
    assert page.locator("td[data-label=Health]").evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_a_failing_row_is_low_and_its_long_host_is_whole(page: Page) -> None:
    cause = {"outcome": "bad_status", "code": 500, "text": "the database is " * 5, "count": 1034, "delivery": 1}
    opened = {"breaker_opened_at": utcnow(), "probe_at": utcnow() + timedelta(minutes=30)}
    host = "webhooks.licenses.europe-west.customers.example.com"
    make_webhook(url=f"https://{host}/in", failures=[cause | {"since": utcnow().isoformat()}], **opened)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/webhooks")
    row = page.locator("#webhook-1").bounding_box()
    assert row
    assert row["height"] < 96  # a badge, three lines of the cause, and the next probe
    first = page.locator(".url-parts:visible bdi").first
    expect(first).to_have_text(host)
    assert first.evaluate("part => part.scrollWidth <= part.clientWidth + 1")


def test_the_buttons_of_an_api_key_have_one_line_where_there_is_room(page: Page) -> None:
    make_api_key(name="A program with a name of many words " * 2)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/admin/api-keys")
    roll = page.get_by_role("link", name=re.compile("^Roll ")).bounding_box()
    revoke = page.get_by_role("link", name=re.compile("^Revoke ")).bounding_box()
    assert roll
    assert revoke
    assert roll["y"] == revoke["y"]


def test_a_wide_screen_is_used(page: Page) -> None:
    make_list(1)
    page.set_viewport_size({"width": 1920, "height": 900})
    page.goto("/admin/webhooks")
    table = page.locator(".webhook-table").bounding_box()
    assert table
    assert table["width"] > 1_400
    expect(page.get_by_role("columnheader", name="URL")).to_be_visible()


def test_the_columns_of_the_log_stay_apart(page: Page) -> None:
    """A long status leaves the ids of events little room."""
    for number in range(3):
        name = f"Integration of customer portal {number}"
        add_delivery(make_webhook(name=name, throttled_until=utcnow() + timedelta(hours=1)))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/webhook-deliveries")
    ids = page.locator(".event-id")
    expect(ids).to_have_count(3)
    for number in range(3):
        assert ids.nth(number).evaluate(
            """id => {
                const cell = id.closest("td"), end = cell.getBoundingClientRect().right
                return id.getBoundingClientRect().right <= end - parseFloat(getComputedStyle(cell).paddingRight) + 0.5
            }"""
        )


@pytest.mark.parametrize("width", [768, 1024, 1100, 1280])
def test_the_status_of_what_waits_has_one_line_and_the_choices_are_whole(page: Page, width: int) -> None:
    for state in ({"throttled_until": utcnow() + timedelta(hours=1)}, {"breaker_opened_at": utcnow()}):
        add_delivery(make_webhook(name="Integration of a customer portal", **state))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhook-deliveries")
    badges = page.locator(".delivery-table .badge")
    expect(badges).to_have_count(2)
    for number in range(2):
        assert badges.nth(number).evaluate("badge => badge.offsetHeight") < 30
    for path in ("/admin/webhook-deliveries", "/admin/webhooks"):
        page.goto(path)
        assert shortened_choices(page) == []


@pytest.mark.parametrize("width", [768, 1024, 1280, 1440, 1920])
def test_the_rate_stands_beside_a_health_of_one_word(page: Page, width: int) -> None:
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    later, failing = utcnow() + timedelta(hours=1), {"breaker_opened_at": utcnow(), "consecutive_failures": 10}
    for fields in ({}, {"throttled_until": later}, failing):
        webhook = make_webhook(attempted_hour=hour_of(hour), succeeded_hour=hour_of(hour), **fields)
        key = {"webhook_id": webhook.id, "hour": hour, "duration_bucket_ms": 100}
        few = 51 if fields is failing else 1  # rates such as 94.9 % and 99.9 % are the widest
        db.session.add(Stats(**key, succeeded=True, count=1_000 - few))
        db.session.add(Stats(**key, succeeded=False, count=few))
        db.session.commit()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhooks")
    boxes = page.locator(".webhook-health")
    expect(boxes).to_have_count(3)
    for number in range(3):
        badge = boxes.nth(number).locator(".badge").bounding_box()
        rate = boxes.nth(number).locator(".health").bounding_box()
        assert badge
        assert rate
        assert abs((badge["y"] + badge["height"] / 2) - (rate["y"] + rate["height"] / 2)) < 5


def test_what_is_selected_stays_selected_while_the_list_shows_others(page: Page) -> None:
    for name in ("Alpha", "Beta", "Gamma"):
        make_webhook(name=name)
    page.goto("/admin/webhooks")
    count = page.locator("#webhook-bulk").get_by_role("status")  # a live region says only what changes in it
    expect(count).to_have_text("0 selected")
    page.get_by_label("Select Alpha").check()
    expect(count).to_have_text("1 selected")
    search = page.get_by_label("Search webhooks by name or URL")
    search.fill("bet")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Select Beta").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    expect(page.get_by_text("1 of them not shown")).to_be_visible()
    search.fill("nothing like it")
    expect(page.get_by_text("No webhooks match")).to_be_visible()
    search.fill("")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_label("Select Alpha")).to_be_checked()
    page.get_by_label("Select Beta").uncheck()
    search.fill("gam")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("heading", name="Deactivate 1 webhook?")).to_be_visible()
    expect(page.get_by_role("list", name="Selected webhooks")).to_contain_text("Alpha")


@pytest.mark.parametrize("way", ["by the browser", "Back to Webhooks", "Cancel"])
def test_what_is_selected_stays_selected_for_who_goes_back_from_the_question(page: Page, way: str) -> None:
    for name in ("Alpha", "Beta", "Gamma"):
        make_webhook(name=name)
    page.goto("/admin/webhooks")
    page.get_by_label("Select Alpha").check()
    page.get_by_label("Search webhooks by name or URL").fill("bet")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Select Beta").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="Delete 2 webhooks?")).to_be_visible()
    if way == "by the browser":
        page.go_back()
    else:
        page.get_by_role("link", name=way).click()
    expect(page.get_by_label("Select Beta")).to_be_checked()
    expect(page.get_by_text("2 selected")).to_be_visible()
    expect(page.get_by_text("1 of them not shown")).to_be_visible()
    page.get_by_label("Select Beta").uncheck()
    page.reload()
    expect(page.locator("#webhook-bulk output")).to_have_text("0 selected")


def test_a_page_that_the_browser_kept_is_loaded_again_with_what_was_selected(page: Page) -> None:
    """Safari keeps pages over http. It would empty the search of the list, and show what has changed since."""
    for name in ("Alpha", "Beta"):
        make_webhook(name=name)
    page.goto("/admin/webhooks")
    page.get_by_label("Select Alpha").check()
    page.evaluate("document.querySelector('[data-keeps]').dispatchEvent(new Event('submit', { bubbles: true }))")
    make_webhook(name="Gamma")
    with page.expect_navigation():
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_label("Select Alpha")).to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()


def test_nothing_is_selected_two_steps_back_from_a_deletion(page: Page) -> None:
    for name in ("Alpha", "Beta", "Gamma"):
        make_webhook(name=name)
    page.goto("/admin/webhooks?sort=name")
    for name in ("Alpha", "Beta"):
        page.get_by_label(f"Select {name}").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete 2 webhooks").click()
    expect(page.locator("#status")).to_contain_text("2 webhooks were deleted.")
    page.evaluate("history.go(-2)")
    page.wait_for_function("performance.getEntriesByType('navigation')[0].type === 'back_forward'")
    expect(page.locator("tbody [data-row-link]")).to_have_text(["Gamma"])
    expect(page.locator("#webhook-bulk output")).to_have_text("0 selected")


def test_the_list_opens_in_another_tab_beside_the_question(page: Page) -> None:
    make_webhook(name="Alpha")
    page.goto("/admin/webhooks")
    page.get_by_label("Select Alpha").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    question = page.get_by_role("heading", name="Delete 1 webhook?")
    expect(question).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Cancel").click(modifiers=["ControlOrMeta"])
    expect(opened.value.get_by_label("Select Alpha")).to_be_visible()
    expect(question).to_be_visible()


@pytest.mark.parametrize("key", ["ControlOrMeta", "Shift"])
def test_an_order_opens_in_another_tab_or_window(page: Page, key: Literal["ControlOrMeta", "Shift"]) -> None:
    make_webhook(name="Alpha")
    page.goto("/admin/webhooks")
    with page.context.expect_page() as opened:
        page.locator("#sort-name").click(modifiers=[key])
    expect(opened.value).to_have_url(re.compile(r"\?sort=name$"))
    expect(opened.value.get_by_role("link", name="Alpha", exact=True)).to_be_visible()
    assert page.url.endswith("/admin/webhooks")


@pytest.mark.parametrize("width", [320, 1280])
def test_a_toast_leaves_the_bar_of_the_selection_free(
    browser: Browser, base_url: str, watch: Watch, width: int
) -> None:
    make_list(25)
    with open_context(browser, base_url, viewport={"width": width, "height": 740}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page)
        page.get_by_label("Select Hook 20").check()
        page.get_by_role("switch", name="Hook 20 active").click()
        toast, bar = page.locator("#status .toast").bounding_box(), page.locator(".bulk-bar").bounding_box()
        assert toast
        assert bar
        assert toast["y"] + toast["height"] <= bar["y"] or bar["y"] + bar["height"] <= toast["y"]


def test_printed_times_are_absolute(page: Page) -> None:
    make_list(1)
    page.goto("/admin/webhooks")
    page.emulate_media(media="print")
    printed = page.locator("tbody time").first.evaluate(
        "time => [getComputedStyle(time).fontSize, getComputedStyle(time, '::after').content]"
    )
    assert printed[0] == "0px"
    assert re.search(r"20\d\d, \d\d:\d\d:\d\d UTC", printed[1])


def test_a_filter_is_only_a_view_and_creating_begins_with_what_it_shows(page: Page) -> None:
    make_webhook(name="Alpha")
    page.goto("/admin/webhooks")
    page.get_by_label("Environment", exact=True).select_option("development")
    expect(page.get_by_text("No webhooks match")).to_be_visible()
    expect(page.get_by_role("button", name="Environment: All environments")).to_be_visible()
    other = page.context.new_page()
    other.goto("/admin/webhooks")
    expect(other.get_by_role("link", name="Alpha", exact=True)).to_be_visible()
    page.get_by_role("link", name="Create Webhook").first.click()
    expect(page.get_by_label("Environment", exact=True)).to_have_value("development")


def test_names_stand_out_for_operators_too(browser: Browser, base_url: str, watch: Watch) -> None:
    """They may not open a webhook, so its name is no link."""
    make_list(1)
    with open_context(browser, base_url) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "operator")
        expect(page.get_by_text("Hook 00", exact=True)).to_have_css("font-weight", "550")
