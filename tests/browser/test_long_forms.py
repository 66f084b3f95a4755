"""Long forms in Chromium: saving stays in view, and nothing that somebody typed is lost."""

import re

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.browser.conftest import Watch, stored
from tests.conftest import PASSWORD
from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import UserSession, Webhook


def end_sessions() -> None:
    db.session.execute(db.delete(UserSession))
    db.session.commit()


def answers_with_no(page: Page) -> list[str]:
    """Stay on the page when the browser asks. Return the list that gets what it asked."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    return asked


def fill(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    page.get_by_label("Name").fill("Billing")
    page.get_by_label("URL", exact=True).fill("http://127.0.0.1:8009/in")
    page.get_by_role("checkbox", name=re.compile("license.created")).check()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_button_that_saves_is_always_in_view(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto("/admin/webhooks/new")
    expect(page.get_by_role("button", name="Create Webhook")).to_be_in_viewport(ratio=1)
    page.mouse.wheel(0, 900)
    expect(page.get_by_role("button", name="Create Webhook")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("path", ["/admin/webhooks/new", "/admin/api-keys/new"])
def test_the_browser_asks_before_changes_are_lost(page: Page, path: str) -> None:
    asked = answers_with_no(page)
    page.goto(path)
    page.get_by_label("Name").fill("Billing")
    page.get_by_role("link", name=re.compile("^Webhooks$")).click()
    expect(page.get_by_label("Name")).to_have_value("Billing")
    assert asked == ["beforeunload"]


@pytest.mark.parametrize(
    ("menu", "choice"), [(".user-button", "Dark"), (".environment-button", "Staging"), (".user-button", "Sign out")]
)
def test_the_browser_asks_before_a_choice_in_the_top_bar_loses_changes(page: Page, menu: str, choice: str) -> None:
    asked = answers_with_no(page)
    page.goto("/admin/webhooks/new")
    page.get_by_label("Name").fill("Billing")
    page.locator(menu).click()
    page.locator(".topbar").get_by_role("button", name=choice, exact=True).click()
    expect(page.get_by_label("Name")).to_have_value("Billing")
    assert asked == ["beforeunload"]


def test_the_browser_does_not_ask_after_saving_or_without_a_change(page: Page) -> None:
    asked = answers_with_no(page)
    page.goto("/admin/webhooks/new")
    page.get_by_role("link", name="Cancel").click()
    fill(page)
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    assert asked == []


def test_it_asks_also_after_the_server_found_an_error(page: Page, watch: Watch) -> None:
    watch.expect_status(422)
    asked = answers_with_no(page)
    page.goto("/admin/webhooks/new")
    page.get_by_label("Name").fill("Billing")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_text("Nothing was saved yet.")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_label("Name")).to_have_value("Billing")
    assert asked == ["beforeunload"]


def sign_in_again(page: Page) -> None:
    expect(page.get_by_text("Sign in again, then send it.")).to_be_visible()
    page.get_by_label("Email address").fill("admin@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Submit again").click()
    expect(page.get_by_role("heading", name="Billing", level=1)).to_be_visible()
    assert db.session.scalars(db.select(Webhook.name)).all() == ["Billing"]


def test_a_session_that_ends_in_the_middle_of_a_form_keeps_what_was_typed(page: Page, watch: Watch) -> None:
    watch.expect_status(401)
    fill(page)
    end_sessions()
    page.get_by_label("Description").fill("Of the shop")
    page.get_by_label("URL", exact=True).fill("http://127.0.0.1:8009/inn")  # asks for a preview
    expect(page.get_by_role("alert").filter(has_text="Your session has ended.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("Of the shop")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_text("Sign in again, then send it.")).to_be_visible()
    expect(page.locator("#alert")).to_be_empty()  # it lay over the form on a phone
    sign_in_again(page)


def test_a_preview_that_is_answered_after_the_form_to_sign_in_came_changes_nothing(page: Page, watch: Watch) -> None:
    watch.expect_status(401)
    fill(page)
    page.wait_for_load_state("networkidle")
    end_sessions()
    held: list[Route] = []
    page.route("**/preview", lambda route: held.append(route))
    with page.expect_request("**/preview"):
        page.get_by_label("URL", exact=True).fill("http://127.0.0.1:8009/inn")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_text("Sign in again, then send it.")).to_be_visible()
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/preview")):
        held[0].continue_()
    expect(page.locator("#alert")).to_be_empty()
    sign_in_again(page)


def test_a_session_that_ends_in_the_middle_of_a_form_without_javascript(plain_page: Page, watch: Watch) -> None:
    watch.expect_status(401)
    fill(plain_page)
    end_sessions()
    plain_page.get_by_role("button", name="Create Webhook").click()
    sign_in_again(plain_page)


def test_the_form_comes_back_filled_in_after_signing_in_again(plain_page: Page, watch: Watch) -> None:
    watch.expect_status(401)
    fill(plain_page)
    end_sessions()
    plain_page.get_by_role("button", name="Create Webhook").click()
    plain_page.get_by_label("Email address").fill("admin@example.com")
    plain_page.get_by_label("Password").fill(PASSWORD)
    plain_page.get_by_role("button", name="Sign in").click()
    plain_page.get_by_role("button", name="Back to the form").click()
    expect(plain_page.get_by_label("Name")).to_have_value("Billing")
    expect(plain_page.get_by_role("checkbox", name=re.compile("license.created"))).to_be_checked()


@pytest.mark.parametrize("which", ["page", "plain_page"])
def test_the_secret_is_rotated_while_editing(request: pytest.FixtureRequest, which: str) -> None:
    page: Page = request.getfixturevalue(which)
    webhook = make_webhook(name="Billing", url="https://93.184.215.14/in")
    secret = webhook.secret
    page.goto(f"/admin/webhooks/{webhook.id}")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Generate new secret, the old one expires in 24 hours").check()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("status").first).to_contain_text("It has a new secret.")
    new = stored(webhook.id).secret
    assert new != secret
    expect(page.get_by_label("Secret", exact=True)).to_have_value(new)
    expect(page.get_by_text("Deliveries are also signed with an older secret")).to_be_visible()


def test_label_and_error_link_lead_to_the_environment(page: Page, watch: Watch) -> None:
    watch.expect_status(422)
    fill(page)
    page.get_by_text("Environment", exact=True).first.click()
    expect(page.locator("select#environment")).to_be_focused()
    page.evaluate("document.querySelector('#environment').options[0].value = 'moon'")
    page.get_by_role("button", name="Create Webhook").click()
    summary = page.locator("#webhook-form > [role=alert]")
    summary.get_by_role("link", name="Environment").click()
    expect(page.locator("select#environment")).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target').tagName") == "SELECT"


def test_a_payload_opens_beside_the_form_and_closes_by_keyboard(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    page.get_by_label("Name").fill("Billing")
    button = page.get_by_role("link", name="Payload of contract.created")
    button.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="contract.created")).to_be_focused()
    for text in ("webhook-signature: v1,…", '"environment": "production"', "license_quota"):
        expect(drawer).to_contain_text(text)
    with page.expect_download() as download:
        drawer.get_by_role("link", name="Download JSON Schema").click()
    assert download.value.suggested_filename == "contract.created.schema.json"
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("Billing")
    expect(page.get_by_role("checkbox", name=re.compile("contract.created"))).not_to_be_checked()


def test_what_is_said_while_a_dialog_is_open_stands_in_it(page: Page, watch: Watch) -> None:
    watch.expect_status(503)
    page.goto("/admin/webhooks/new")
    page.get_by_role("link", name="Payload of contract.created").press("Enter")
    drawer = page.locator("#drawer")
    drawer.get_by_label("Copy headers").click()
    expect(drawer.get_by_role("status")).to_have_text("Copied.")
    page.route("**/admin/palette?*", lambda route: route.fulfill(status=503))
    page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    expect(palette.get_by_role("alert")).to_contain_text("The server responded with error 503.")
    palette.get_by_role("alert").get_by_label("Dismiss").click()
    expect(palette.get_by_role("alert")).to_be_empty()
    for parent in (drawer, page.locator("body")):
        page.keyboard.press("Escape")
        expect(parent.locator(":scope > .toasts")).to_have_count(1)


def test_what_is_said_while_the_palette_is_open_before_the_shortcuts_stands_in_it(page: Page, watch: Watch) -> None:
    watch.expect_status(503)
    page.goto("/admin/webhooks")
    page.route("**/admin/palette?*", lambda route: route.fulfill(status=503))
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette").get_by_role("alert")).to_contain_text("The server responded with error 503.")


def test_the_fields_of_a_form_fill_its_rows(page: Page) -> None:
    """Only the form of a webhook has narrow fields, because its preview stands beside it."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"/admin/webhooks/{make_webhook().id}/signature")
    ends = [page.locator(id).evaluate("field => field.getBoundingClientRect().right") for id in ("#computed", "#body")]
    assert ends[0] == pytest.approx(ends[1], abs=1)


CLICK_TWICE = """async (button) => {
    button.click();
    await new Promise((go_on) => setTimeout(go_on, 60));
    button.click();
}"""


def test_a_double_click_sends_a_form_once(page: Page) -> None:
    """The second request would end the first one in the browser, and the second password change is refused."""
    sent: list[Route] = []
    page.route("**/account/password", lambda route: sent.append(route) if is_post(route) else route.continue_())
    page.goto("/account/password")
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("a long and unusual sentence 77")
    page.locator("#repeated").fill("a long and unusual sentence 77")
    page.get_by_role("button", name="Save password").evaluate(CLICK_TWICE)  # the first request waits meanwhile
    for route in sent:
        route.continue_()
    expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    assert len(sent) == 1


def is_post(route: Route) -> bool:
    return route.request.method == "POST"
