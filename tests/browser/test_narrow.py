"""In a narrow or low window in Chromium: no text is shortened, cut off or broken within a word, and no focus hidden."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from jobs.publish import publish
from tests.browser.conftest import Watch, open_context, open_session, sign_in
from tests.browser.page_rows import INVOICE_PAID
from tests.browser.targets import cut_off, shortened_choices
from tests.support.factories import make_api_key, make_user, make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Inspector, OwnEventType, SchemaCheck, TypeTotal, utcnow

LOG = "/admin/webhook-deliveries"
IS_IN_ONE_LINE = """badge => {
    const range = document.createRange(), text = badge.querySelector(":scope > span")?.firstChild ?? badge.lastChild
    range.selectNodeContents(text)
    return range.getClientRects().length === 1
}"""

MIDDLES = "parts => parts.map((part) => part.getBoundingClientRect()).map(({ top, height }) => top + height / 2)"

LINES = """part => {
    const range = document.createRange()
    range.selectNodeContents(part)
    return range.getClientRects().length
}"""
# Where the lines of the texts with an email address end: the last characters of all lines but the last one.
ENDS_OF_LINES = """parts => parts.filter((part) => part.textContent.includes("@")).flatMap((part) => {
    const range = document.createRange(), text = []
    for (const node of [...part.childNodes].filter((node) => node.data)) {
        for (let place = 0; place < node.length; place++) {
            range.setStart(node, place)
            range.setEnd(node, place + 1)
            text.push([node.data[place], range.getBoundingClientRect().top])
        }
    }
    return text.slice(0, -1).filter(([, top], place) => text[place + 1][1] > top).map(([character]) => character)
})"""

TEXTS_OF_LINES = """part => {
    const range = document.createRange(), lines = [""], nodes = document.createTreeWalker(part, NodeFilter.SHOW_TEXT)
    for (let top, node; (node = nodes.nextNode());) {
        for (let place = 0; place < node.length; place++) {
            range.setStart(node, place)
            range.setEnd(node, place + 1)
            const at = range.getBoundingClientRect().top
            if (at > top) lines.push("")
            lines[lines.length - 1] += node.data[place]
            top = at
        }
    }
    return lines
}"""
IS_BELOW_HEADS = """() => {
    const link = document.activeElement
    return link.getClientRects()[0].top >= link.closest("table").tHead.rows[0].cells[0].getBoundingClientRect().bottom
}"""
BUTTONS_OF_EACH_LINE = """buttons => {
    const tops = buttons.map((button) => button.offsetTop)
    return [...new Set(tops)].map((top) => tops.filter((other) => other === top).length)
}"""

FRAME_IS_WHOLE = """() => {
    const focused = document.activeElement, { outlineWidth, outlineOffset } = getComputedStyle(focused)
    const reach = parseFloat(outlineWidth) + parseFloat(outlineOffset)
    const box = focused.getBoundingClientRect(), card = focused.closest(".card").getBoundingClientRect()
    return parseFloat(outlineWidth) >= 2 && box.left - reach >= card.left && box.right + reach <= card.right
}"""

FOCUS_IS_SEEN = """() => {
    const focused = document.activeElement, box = focused.getClientRects()[0]
    if (!box || focused === document.body || focused.closest(".visually-hidden")) return true
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
    return Boolean(hit) && (focused.contains(hit) || hit.closest("label")?.control === focused)
}"""


@pytest.mark.parametrize("width", [320, 360, 430, 600])
def test_the_choices_of_filters_can_be_read(page: Page, width: int) -> None:
    add_delivery()
    page.set_viewport_size({"width": width, "height": 900})
    for path in (LOG, f"{LOG}?status=with_failures&since=24h", "/admin/webhooks", "/admin/audit-log"):
        page.goto(path)
        assert shortened_choices(page) == []


@pytest.fixture
def tablet(app: Flask, browser: Browser, base_url: str, watch: Watch) -> Iterator[Page]:
    with open_context(browser, base_url, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        watch.follow(page)
        open_session(app, page, base_url)
        yield page


@pytest.mark.parametrize("width", [740, 820, 1024, 1180])
def test_the_choices_of_filters_can_be_read_on_a_tablet(tablet: Page, width: int) -> None:
    add_delivery()
    tablet.set_viewport_size({"width": width, "height": 700})
    for path in (LOG, f"{LOG}?status=with_failures&since=24h", "/admin/webhooks", "/admin/audit-log"):
        tablet.goto(path)
        assert shortened_choices(tablet) == []


@pytest.mark.parametrize("width", [740, 820, 1180])
def test_the_buttons_of_a_row_stay_in_their_column_on_a_tablet(tablet: Page, width: int) -> None:
    make_webhook()
    tablet.set_viewport_size({"width": width, "height": 700})
    tablet.goto("/admin/webhooks")
    cell, button = tablet.locator("td:has(> .row-actions)"), tablet.get_by_role("link", name="Send test event to")
    starts = [part.evaluate("part => part.getBoundingClientRect().left") for part in (cell, button)]
    assert starts[0] < starts[1]


def test_on_usual_phones_two_filters_of_the_log_share_a_line(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 900})
    page.goto(LOG)
    tops = page.locator(".filters > .select").evaluate_all("fields => fields.map((field) => field.offsetTop)")
    assert len(tops) == 4
    assert len(set(tops)) == 2


@pytest.mark.parametrize("width", [320, 400, 640])
def test_a_line_of_a_url_ends_between_its_parts(page: Page, width: int) -> None:
    url = "https://licenses.example.com/tenants/acme/production/webhooks?signature=v1&region=europe&shop=first"
    webhook = make_webhook(url=url)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (f"/admin/webhooks/{webhook.id}", f"/admin/webhooks/{webhook.id}/delete"):
        page.goto(path)
        lines: list[str] = page.locator("main code.anywhere").first.evaluate(TEXTS_OF_LINES)
        assert "".join(lines) == url
        assert len(lines) > 1
        for line, following in pairwise(lines):
            assert line.endswith("/") or following[0] in ".?&", lines


@pytest.mark.parametrize("width", [320, 600, 640, 700, 768, 900, 1024, 1280, 1920])
def test_no_button_of_a_webhook_wraps_alone(page: Page, width: int) -> None:
    webhook = make_webhook(url="https://licenses.example.com/tenants/acme/production/webhooks")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/admin/webhooks/{webhook.id}")
    assert 1 not in page.locator(".page-header .actions > *").evaluate_all(BUTTONS_OF_EACH_LINE)


@pytest.mark.parametrize("width", [320, 640, 700, 768, 1024])
def test_the_top_bar_squeezes_nothing_but_the_email_address(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhooks")
    widths = page.locator(".topbar .icon-only:visible, .palette-button").evaluate_all(
        "buttons => buttons.filter((button) => button.offsetWidth < button.offsetHeight - 1).map((button) => button.id)"
    )
    assert widths == []
    assert page.locator(".brand").evaluate("brand => brand.scrollWidth <= brand.clientWidth")


@pytest.mark.parametrize("width", [320, 1280])
def test_a_table_that_scrolls_in_its_card_keeps_its_heads_in_sight(page: Page, width: int) -> None:
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    for name in EVENT_TYPES:
        db.session.add(TypeTotal(hour=hour, environment="production", type=name, events=1, deliveries=1))
    db.session.commit()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/overview")
    table = page.get_by_role("region", name="Events by type")
    assert table.evaluate("part => part.scrollHeight > part.clientHeight")
    table.evaluate("part => part.scrollTo(0, part.scrollHeight)")
    head, box = table.get_by_role("columnheader", name="Event type").bounding_box(), table.bounding_box()
    assert head
    assert box
    assert head["y"] == pytest.approx(box["y"], abs=1)
    table.get_by_role("link").last.focus()
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(IS_BELOW_HEADS)


@pytest.mark.parametrize("width", [768, 1280, 1920])
def test_the_fields_of_an_inspectors_answer_stand_in_a_line(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/inspector")
    page.get_by_role("button", name="Create inspector").click()
    page.locator("#answer summary").click()
    tops = [page.get_by_label(name).bounding_box() for name in ("Delay", "Retry-After")]
    assert len({box["y"] for box in tops if box}) == 1


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_a_line_ends_in_an_email_address_only_after_the_at_sign_or_a_dot(
    browser: Browser, base_url: str, watch: Watch, width: int
) -> None:
    make_user(email="somebody.with.a.name@licenses.example", role="viewer")
    make_user(email="super_administrator@example.com", role="super_admin")
    audit.act_as("somebody.with.a.name@licenses.example")
    audit.record("user.created", "user", 1, "super_administrator@example.com", after={"email": "somebody@example.com"})
    db.session.commit()
    with open_context(browser, base_url, viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "super_admin")
        for path in ("/admin/audit-log", "/admin/team", "/admin/team/1"):
            page.goto(path)
            page.locator(".user-button").click()
            ends = page.locator("main :is(bdi, .anywhere, h1), .menu-head b").evaluate_all(ENDS_OF_LINES)
            assert set(ends) <= {"@", "."}
            assert ends or width > 320


@pytest.mark.parametrize("width", [1280, 1440, 1920])
def test_the_url_of_a_webhook_has_one_line_on_its_page(page: Page, width: int) -> None:
    webhook = make_webhook(url="https://licenses.example.com/tenants/acme/production/webhooks")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/admin/webhooks/{webhook.id}")
    assert len(page.locator("#webhook-url").evaluate(TEXTS_OF_LINES)) == 1


@pytest.mark.parametrize(("width", "height"), [(320, 210), (360, 180), (412, 180)])
def test_the_webhooks_on_a_phone_stand_below_each_other_alike(page: Page, width: int, height: int) -> None:
    for number, environment in enumerate(("production", "staging", "development")):
        make_webhook(name=f"Hook {number}", url="https://customer-1.example.com/webhooks", environment=environment)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/webhooks")
    heights = page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.clientHeight)")
    assert max(heights) < height
    for part in (".webhook-status", ".row-actions", ".pill"):
        ends = page.locator(f"tbody {part}").evaluate_all("parts => parts.map((p) => p.getBoundingClientRect().right)")
        assert len(set(ends)) == 1


@pytest.mark.parametrize("width", [320, 1280])
def test_the_choices_of_two_attempts_can_be_read_in_any_width(page: Page, width: int) -> None:
    delivery = settle(add_delivery(), 500)
    add_attempt(delivery, number=1, response_code=500)
    add_attempt(delivery, number=2, outcome="connection_failed", response_code=None)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{LOG}/{delivery.id}")
    expect(page.get_by_label("With attempt")).to_be_visible()
    assert shortened_choices(page, ".compare select") == []


def test_what_happens_to_data_that_does_not_fit_can_be_read(browser: Browser, base_url: str, watch: Watch) -> None:
    with open_context(browser, base_url, viewport={"width": 320, "height": 900}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "super_admin")
        page.goto("/admin/event-types/new")
        for choice in SchemaCheck:
            page.get_by_label("Check against the schema").select_option(choice)
            assert shortened_choices(page, "#check") == []


def test_names_of_event_types_stay_whole_on_the_page_for_paper(page: Page) -> None:
    make_webhook(event_types=["license.deactivated", "contract.suspended"])
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/admin/webhooks?print=1")
        assert page.locator("td", has_text="license.deactivated").evaluate(LINES) <= 2


def test_a_time_has_two_lines_at_most_on_the_page_for_paper(page: Page) -> None:
    settle(add_delivery(make_webhook(name="Slack notifications", event_types=["license.deactivated"])), 500)
    for path in ("/admin/webhooks?print=1", f"{LOG}?print=1"):
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path)
            times = page.locator("td", has_text=" UTC")
            expect(times).not_to_have_count(0)
            assert all(len(time.evaluate(TEXTS_OF_LINES)) <= 2 for time in times.all())


@pytest.mark.parametrize("name", ["Data warehouse", "Slack notifications"])
def test_a_usual_name_has_one_line_in_the_log(page: Page, name: str) -> None:
    webhook = make_webhook(name=name, breaker_opened_at=utcnow(), probe_at=utcnow() + timedelta(minutes=50))
    add_delivery(webhook)  # waits, and says for what
    settle(add_delivery(webhook), 500)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(LOG)
    assert len(page.get_by_text("next probe").evaluate(TEXTS_OF_LINES)) == 1
    links = page.get_by_role("rowheader").get_by_role("link", name=name)
    expect(links).to_have_count(2)
    assert links.evaluate_all("links => links.every((link) => link.getClientRects().length === 1)")


def test_a_long_time_narrows_its_own_line_of_a_delivery_alone(page: Page) -> None:
    delivery = settle(add_delivery(make_webhook(name="Data warehouse")), last_attempt_at=utcnow() - timedelta(days=3))
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(LOG)
    for line in ("th", "td[data-label=Status]"):
        parts = page.locator(f"#delivery-{delivery.id} > {line} > .lines > *")
        expect(parts).to_have_count(2)
        first, second = parts.evaluate_all(MIDDLES)
        assert abs(first - second) < 6, line


@pytest.mark.parametrize("state", ["Pending", "Retrying"])
def test_a_status_is_not_broken_within_its_word(page: Page, state: str) -> None:
    delivery = add_delivery(make_webhook(active=False), attempts_count=int(state == "Retrying"))
    page.set_viewport_size({"width": 320, "height": 900})
    for path in (f"{LOG}/{delivery.id}", f"/admin/events/{delivery.event_id}", LOG):
        page.goto(path)
        badge = page.locator(".badge", has_text=state)
        expect(badge).to_contain_text("(webhook inactive)")
        assert badge.evaluate(IS_IN_ONE_LINE)


def test_what_a_delivery_waits_for_is_shown_whole(page: Page) -> None:
    webhook = make_webhook(breaker_opened_at=utcnow(), consecutive_failures=10, failing_since=utcnow())
    delivery = add_delivery(webhook, attempts_count=1)
    page.set_viewport_size({"width": 320, "height": 900})
    for path in (f"{LOG}/{delivery.id}", f"/admin/events/{delivery.event_id}", LOG):
        page.goto(path)
        expect(page.locator(".badge", has_text="Retrying")).to_contain_text("(webhook failing)")
        assert cut_off(page) == [], path


def test_the_results_of_the_palette_can_be_told_apart_on_a_phone(page: Page) -> None:
    types = ("license.deactivated", "activation.created", "contract.suspended")
    publish("production", [NewEvent(name, {"license_key": "KM-1234-5678"}) for name in types])
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto("/admin/webhooks")
    page.keyboard.press("Control+k")
    page.keyboard.type("KM-1234-5678")
    names = page.locator("#palette-results .truncate")
    expect(names).to_contain_text([*types[::-1], "All deliveries"])
    assert names.evaluate_all("names => names.slice(0, 3).every((name) => name.scrollWidth <= name.clientWidth)")


@pytest.mark.parametrize(("search", "text"), [("team", "#palette-results a .icon"), ("nothing", "#palette-results p")])
def test_the_page_of_the_palette_begins_all_lines_below_its_search_box(page: Page, search: str, text: str) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"/admin/palette?q={search}")
    starts = [
        page.locator(part).first.evaluate(
            "part => part.getBoundingClientRect().x + parseFloat(getComputedStyle(part).paddingInlineStart)"
        )
        for part in ("main .filters > .search", text)
    ]
    assert abs(starts[0] - starts[1]) < 2


def test_what_is_copied_stands_beside_its_button_on_a_phone(page: Page) -> None:
    delivery = add_delivery()
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(f"/admin/events/{delivery.event_id}")
    text, button = page.locator("#event-id").bounding_box(), page.get_by_label("Copy event ID").bounding_box()
    assert text
    assert button
    assert button["y"] < text["y"] + text["height"]


@pytest.mark.parametrize("width", [320, 1280])
def test_a_long_name_and_url_cut_nothing_off(page: Page, width: int) -> None:
    webhook = make_webhook(name="W" * 100, url="https://example.com/" + "a" * 500)
    delivery = settle(add_delivery(webhook), 500)
    add_attempt(delivery)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        LOG,
        f"{LOG}?webhook={webhook.id}",
        f"{LOG}/{delivery.id}",
        f"{LOG}/retries?webhook={webhook.id}",
        f"/admin/events/{delivery.event_id}",
        f"/admin/webhooks/{webhook.id}",
        f"/admin/webhooks/{webhook.id}/delete",
        f"/admin/webhooks/{webhook.id}/recoveries",
        "/admin/overview",
        "/admin/audit-log",
    ):
        page.goto(path)
        assert cut_off(page) == [], path
    page.goto(f"{LOG}?webhook={webhook.id}")
    assert page.get_by_text("Webhook:").evaluate(
        "chip => { const range = document.createRange(); range.selectNodeContents(chip.firstChild);"
        " return range.getClientRects().length === 1 }"
    )


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_a_long_name_of_who_can_help_fits_on_a_page_that_is_closed(
    browser: Browser, base_url: str, watch: Watch, role: str
) -> None:
    make_user("boss@example.com", "super_admin", name="W" * 100)
    watch.expect_status(403)
    with open_context(browser, base_url, viewport={"width": 320, "height": 900}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, role)
        page.goto("/admin/audit-log")
        expect(page.get_by_text("W" * 100)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [320, 1280])
def test_long_words_in_the_catalogue_and_on_the_page_of_an_inspector_are_not_cut_off(page: Page, width: int) -> None:
    db.session.add(OwnEventType(**INVOICE_PAID | {"description": "W" * 200}))
    db.session.commit()
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/event-types")
    assert cut_off(page) == []
    page.goto("/admin/inspector")
    page.get_by_role("button", name="Create inspector").click()
    page.wait_for_url("**/admin/inspector/*")
    db.session.rollback()
    token = db.session.scalars(db.select(Inspector.token)).one()
    make_webhook(name="W" * 100, url=f"https://portal.example.com/inspect/{token}")
    page.reload()
    expect(page.get_by_text("sends here")).to_be_visible()
    assert cut_off(page) == []


def test_a_link_in_the_sentence_of_a_notice_stays_in_its_line(page: Page) -> None:
    make_webhook(unreadable_at=utcnow())
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto("/admin/notices")
    expect(page.get_by_role("link", name="give it a new secret")).to_have_css("display", "inline")


@pytest.mark.parametrize("width", [768, 1024, 1280])
def test_a_notice_gives_most_room_to_what_happened(page: Page, width: int) -> None:
    since = utcnow() - timedelta(days=2)  # has the longest words
    make_webhook(name="Billing", breaker_opened_at=since, failing_since=since, consecutive_failures=10)
    make_webhook(active=False, disabled_at=utcnow(), disabled_reason="The endpoint answered 410 Gone.")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/notices")
    cells = page.locator("tbody tr").first.locator("> *")
    widths = cells.evaluate_all("cells => cells.map((cell) => cell.getBoundingClientRect().width)")
    assert len(widths) == 5
    assert widths[2] == max(widths)
    fixed = page.locator("td:is([data-label=Since], [data-label=Health])")
    assert fixed.evaluate_all("cells => cells.every((cell) => cell.scrollWidth <= cell.clientWidth)")
    assert cut_off(page) == []


def test_the_arrow_of_a_choice_stays_in_it_below_a_label_of_two_lines(page: Page) -> None:
    key, _ = make_api_key()
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(f"/admin/api-keys/{key.id}")
    label, field = page.locator("label[for=overlap]"), page.locator("#overlap")
    height = label.evaluate("label => label.offsetHeight")
    with_two_lines = field.screenshot()
    label.evaluate("label => { label.textContent = 'How long?' }")
    assert label.evaluate("label => label.offsetHeight") < height
    assert field.screenshot() == with_two_lines


@pytest.mark.parametrize("width", [320, 1280])
def test_a_card_cuts_nothing_off_the_frame_of_what_has_the_focus(page: Page, width: int) -> None:
    settle(add_delivery(), 500)
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    db.session.add(TypeTotal(hour=hour, environment="production", type="license.created", events=1, deliveries=1))
    db.session.commit()
    page.set_viewport_size({"width": width, "height": 900})
    for path, part in (
        ("/admin/webhooks/new", "summary.card-header"),
        ("/admin/event-types", ".disclosure-row > summary"),
        ("/admin/overview", ".card > .scroll"),
        (LOG, "tbody [id$=-retry]"),
    ):
        page.goto(path)
        page.keyboard.press("Tab")  # a focus by the keyboard has a frame
        page.locator(part).first.focus()
        assert page.evaluate(FRAME_IS_WHOLE), path


@pytest.mark.parametrize("size", [(320, 256), (320, 700), (1280, 900)])
def test_what_gets_the_focus_is_not_hidden_by_what_stays_in_view(page: Page, size: tuple[int, int]) -> None:
    """A window of 1,280 by 1,024 pixels with a zoom of 400 % is as large as the first one."""
    for number in range(8):
        make_webhook(name=f"Hook {number}")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for path, tabs in (("/admin/webhooks/new", 40), ("/admin/webhooks", 30)):
        page.goto(path)
        if path == "/admin/webhooks":
            page.get_by_label("Select Hook 0").check()
            page.locator("h1").click()
        for _ in range(tabs):
            page.keyboard.press("Tab")
            assert page.evaluate(FOCUS_IS_SEEN)


@pytest.mark.parametrize("width", [320, 1280])
def test_what_gets_the_focus_in_the_drawer_of_a_payload_is_not_hidden_by_its_button(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    page.goto("/admin/webhooks/new")
    page.get_by_role("link", name="Payload of license.created").press("Enter")
    expect(page.locator("#drawer-title")).to_be_focused()
    for key in ["Tab"] * 8 + ["Shift+Tab"] * 10:
        page.keyboard.press(key)
        assert page.evaluate(FOCUS_IS_SEEN)


@pytest.mark.parametrize("height", [256, 700])
def test_what_gets_the_focus_is_not_hidden_by_a_toast(page: Page, height: int) -> None:
    delivery = settle(add_delivery(make_webhook(), {f"field {number}": number for number in range(60)}), 500)
    page.set_viewport_size({"width": 320, "height": height})
    page.goto(f"{LOG}/{delivery.id}")
    page.evaluate("say('alert', 'The server took too long to respond. Reload the page to see the current state.')")
    toast = page.locator("#alert .toast").bounding_box()
    assert toast
    page.locator("h1").click()
    page.keyboard.press("Tab")
    while page.locator(".toast :focus").count() == 0:  # the last part of the page
        assert page.evaluate("document.activeElement.getBoundingClientRect().top") < toast["y"]
        page.keyboard.press("Tab")


def test_the_last_column_of_operators_keeps_its_distance(browser: Browser, base_url: str, watch: Watch) -> None:
    make_webhook()
    with open_context(browser, base_url, viewport={"width": 768, "height": 900}) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "operator")
        head = page.get_by_role("columnheader", name="Environment")
        distance = head.evaluate(
            """head => {
                const range = document.createRange()
                range.selectNodeContents(head)
                return head.closest(".card").getBoundingClientRect().right - range.getBoundingClientRect().right
            }"""
        )
        assert distance >= 12


def test_a_webhook_as_a_card_has_room_below_its_last_line(page: Page) -> None:
    make_webhook()
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto("/admin/webhooks")
    row, health = page.locator("tbody tr").bounding_box(), page.locator(".webhook-health").bounding_box()
    assert row
    assert health
    assert row["y"] + row["height"] - health["y"] - health["height"] >= 12
