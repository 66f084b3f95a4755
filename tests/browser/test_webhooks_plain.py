"""The webhook pages in Chromium, without JavaScript."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, stored
from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, Webhook, utcnow


def test_search_and_filters_are_a_form(plain_page: Page) -> None:
    make_webhook(name="Billing")
    make_webhook(name="Data warehouse", environment="staging")
    plain_page.goto("/admin/webhooks?sort=name")
    plain_page.get_by_label("Search webhooks by name or URL").fill("ware")
    plain_page.get_by_label("Environment", exact=True).select_option("staging")
    plain_page.get_by_role("button", name="Apply").click()
    expect(plain_page).to_have_url(re.compile("q=ware&environment=staging&status=&health=&sort=name"))
    expect(plain_page.locator("tbody [data-row-link]")).to_have_text(["Data warehouse"])


def test_the_toggle_comes_back_to_the_same_list(plain_page: Page) -> None:
    make_webhook(name="Billing")
    plain_page.goto("/admin/webhooks?q=bill")
    plain_page.get_by_role("switch", name="Billing active").click()
    expect(plain_page).to_have_url(re.compile(r"\?q=bill$"))
    expect(plain_page.get_by_role("switch", name="Billing active")).to_have_attribute("aria-checked", "false")
    expect(plain_page.locator("#status")).to_contain_text("Billing is inactive now.")


def test_the_switch_of_a_webhook_that_was_deleted_meanwhile_shows_the_list(plain_page: Page) -> None:
    webhook = make_webhook(name="Billing")
    plain_page.goto("/admin/webhooks?q=bill")
    webhook.deleted_at = utcnow()
    db.session.commit()
    plain_page.get_by_role("switch", name="Billing active").click()
    expect(plain_page).to_have_url(re.compile(r"\?q=bill$"))
    expect(plain_page.get_by_role("alert")).to_contain_text("Billing was deleted in the meantime.")
    expect(plain_page.get_by_text("No webhooks match")).to_be_visible()


def test_creating_after_an_error(plain_page: Page, watch: Watch) -> None:
    plain_page.goto("/admin/webhooks")
    watch.expect_status(422)
    plain_page.get_by_role("link", name="Create Webhook").first.click()
    plain_page.get_by_label("Name").fill("Billing")
    plain_page.get_by_label("URL", exact=True).fill("http://127.0.0.1:8009/in")
    plain_page.get_by_role("button", name="Create Webhook").click()
    expect(plain_page.get_by_text("Choose at least one event type.")).to_be_visible()
    plain_page.get_by_role("checkbox", name=re.compile("license.created")).check()
    plain_page.get_by_role("button", name="Create Webhook").click()
    secret = db.session.scalars(db.select(Webhook)).one().secret
    expect(plain_page.get_by_label("Secret", exact=True)).to_have_value(secret)


def test_a_conflict_shows_both_versions(plain_page: Page, watch: Watch) -> None:
    watch.expect_status(409)
    webhook = make_webhook(name="Billing")
    plain_page.goto(f"/admin/webhooks/{webhook.id}/edit")
    webhook.name, webhook.version = "Theirs", 2
    db.session.commit()
    plain_page.get_by_label("Name").fill("Mine")
    plain_page.get_by_role("button", name="Save changes").click()
    expect(plain_page.get_by_role("row", name="Name Theirs Mine")).to_be_visible()
    plain_page.get_by_role("button", name="Save anyway").click()
    expect(plain_page.get_by_role("heading", name="Mine", level=1)).to_be_visible()


def test_the_secret_is_revealed_and_replaced(plain_page: Page) -> None:
    webhook = make_webhook()
    secret = webhook.secret
    plain_page.goto(f"/admin/webhooks/{webhook.id}")
    plain_page.get_by_role("link", name="Reveal").click()
    expect(plain_page.get_by_label("Secret", exact=True)).to_have_value(secret)
    plain_page.get_by_text("Generate new secret").first.click()
    plain_page.get_by_label("Expires now").check()
    plain_page.get_by_role("button", name="Generate new secret").click()
    new = stored(webhook.id).secret
    assert new != secret
    expect(plain_page.get_by_label("Secret", exact=True)).to_have_value(new)


def test_a_test_event_leads_to_its_delivery(plain_page: Page) -> None:
    webhook = make_webhook()
    plain_page.goto(f"/admin/webhooks/{webhook.id}/test")
    plain_page.get_by_label("Event type").select_option("contract.created")
    plain_page.get_by_role("button", name="Load example").click()
    expect(plain_page.get_by_label("Data")).to_have_value(re.compile("license_quota"))
    plain_page.get_by_role("button", name="Send test event").click()
    plain_page.wait_for_url("**/admin/webhook-deliveries/*")
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    add_attempt(delivery)
    settle(delivery, 500)
    plain_page.get_by_role("link", name="Refresh").click()
    expect(plain_page.get_by_text("The endpoint answered 500")).to_be_visible()
    expect(plain_page.get_by_role("link", name="Refresh")).to_have_count(0)


def test_deleting_asks_first(plain_page: Page) -> None:
    make_webhook(name="Billing")
    plain_page.goto("/admin/webhooks")
    plain_page.get_by_role("link", name="Delete Billing").click()
    plain_page.get_by_role("button", name="Delete webhook").click()
    expect(plain_page.locator("#status")).to_contain_text("Billing was deleted.")
    expect(plain_page.get_by_text("No webhooks found")).to_be_visible()


def test_several_are_deleted_after_they_were_counted(plain_page: Page) -> None:
    for number in range(27):
        make_webhook(name=f"Hook {number:02}")
    add_delivery(db.session.scalars(db.select(Webhook).filter_by(name="Hook 25")).one())
    plain_page.goto("/admin/webhooks?q=hook&sort=name&page=2")
    here = re.compile(r"\?q=hook&sort=name&(size=25&)?page=2$")
    for name in ("Hook 25", "Hook 26"):
        plain_page.get_by_label(f"Select {name}").check()
    plain_page.get_by_role("button", name="Delete", exact=True).click()
    expect(plain_page.get_by_role("heading", name="Delete 2 webhooks?")).to_be_visible()
    expect(plain_page.get_by_text("1 pending delivery is cancelled.")).to_be_visible()
    plain_page.go_back()
    for name in ("Hook 25", "Hook 26"):
        expect(plain_page.get_by_label(f"Select {name}")).to_be_checked()
    plain_page.get_by_role("button", name="Delete", exact=True).click()
    plain_page.get_by_role("link", name="Cancel").click()
    expect(plain_page).to_have_url(here)
    plain_page.get_by_label("Select Hook 26").check()
    plain_page.get_by_role("button", name="Delete", exact=True).click()
    plain_page.get_by_role("button", name="Delete 1 webhook").click()
    expect(plain_page).to_have_url(here)
    expect(plain_page.locator("#status")).to_contain_text("1 webhook was deleted.")
    expect(plain_page.locator("tbody [data-row-link]")).to_have_text(["Hook 25"])


def test_the_environment_is_switched_in_the_top_bar(plain_page: Page) -> None:
    make_webhook(name="Alpha")
    make_webhook(name="Staged", environment="staging")
    plain_page.goto("/admin/webhooks?sort=name")
    plain_page.get_by_role("button", name="Environment: all").click()
    plain_page.get_by_role("button", name="Staging").click()
    expect(plain_page).to_have_url(re.compile(r"\?sort=name$"))
    expect(plain_page.locator("tbody [data-row-link]")).to_have_text(["Staged"])
    plain_page.get_by_role("button", name="Environment: Staging").click()
    plain_page.get_by_role("button", name="All environments").last.click()
    expect(plain_page.locator("tbody [data-row-link]")).to_have_text(["Alpha", "Staged"])


def test_a_webhook_is_duplicated_with_a_secret_of_its_own(plain_page: Page) -> None:
    original = make_webhook(name="Billing", url="https://93.184.215.14/in", event_types=["contract.created"])
    plain_page.goto(f"/admin/webhooks/{original.id}")
    plain_page.get_by_role("link", name="Duplicate").click()
    expect(plain_page.get_by_label("Name")).to_have_value("Billing copy")
    plain_page.get_by_role("button", name="Create Webhook").click()
    expect(plain_page.get_by_role("heading", name="Billing copy", level=1)).to_be_visible()
    copy = stored(original.id + 1)
    assert (copy.url, copy.event_types) == (original.url, ["contract.created"])
    assert copy.secret != original.secret
    expect(plain_page.get_by_label("Secret", exact=True)).to_have_value(copy.secret)


def test_the_number_of_rows_is_remembered(plain_page: Page) -> None:
    for number in range(27):
        make_webhook(name=f"Hook {number:02}")
    plain_page.goto("/admin/webhooks")
    plain_page.get_by_role("link", name="50", exact=True).click()
    expect(plain_page.locator("tbody tr")).to_have_count(27)
    plain_page.goto("/admin/event-types")
    plain_page.get_by_role("link", name="Webhooks", exact=True).click()
    expect(plain_page.locator("tbody tr")).to_have_count(27)


def test_signing_out_the_theme_and_the_shortcuts_are_forms(plain_page: Page) -> None:
    plain_page.goto("/admin/webhooks")
    plain_page.get_by_role("button", name="Account: admin@example.com").click()
    plain_page.get_by_role("button", name="Dark").click()
    expect(plain_page.locator("html")).to_have_attribute("data-theme", "dark")
    plain_page.get_by_role("button", name="Account: admin@example.com").click()
    plain_page.get_by_role("group", name="Keyboard shortcuts").get_by_role("button", name="Off").click()
    expect(plain_page.locator("html")).to_have_attribute("data-shortcuts", "off")
    plain_page.get_by_role("button", name="Account: admin@example.com").click()
    plain_page.get_by_role("button", name="Sign out").click()
    expect(plain_page.get_by_role("heading", name="Sign in")).to_be_visible()
