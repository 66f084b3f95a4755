"""The delivery log and related pages in Chromium, without JavaScript."""

import re

from flask import Flask
from playwright.sync_api import Page, expect

from jobs.publish import publish
from tests.browser.conftest import Watch
from tests.support.factories import make_webhook
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import ApiKey, Delivery

LOG = "/admin/webhook-deliveries"


def test_search_filter_detail_and_retry_are_links_and_forms(plain_page: Page, app: Flask) -> None:
    page = plain_page
    failed = settle(add_delivery(make_webhook(name="Billing")), 500, attempts_count=5)
    add_attempt(failed, number=5)
    settle(add_delivery(make_webhook(name="Orders")))
    page.goto(LOG)
    page.get_by_role("searchbox", name="Search deliveries").fill("billing")
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile("q=billing.*status=failed"))
    expect(page.locator("#deliveries tbody tr")).to_have_count(1)
    page.get_by_role("link", name=f"View delivery {failed.id}").click()
    expect(page.get_by_text("The endpoint answered 500")).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_contain_text("Queued")
    expect(page.locator("#delivery .badge").first).to_contain_text("Retrying")
    db.session.rollback()
    assert db.session.get_one(Delivery, failed.id, populate_existing=True).status == "pending"


def test_the_address_of_filters_names_each_once(plain_page: Page, app: Flask) -> None:
    page = plain_page
    settle(add_delivery(make_webhook()), 500)
    page.goto(LOG)
    page.get_by_label("Status").select_option("failed")
    page.get_by_label("Created", exact=True).select_option("7d")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(rf"{LOG}\?status=failed&since=7d$"))
    page.get_by_text("More filters").click()
    page.get_by_label("Created from").fill("2026-01-01T10:00")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(rf"{LOG}\?status=failed&since=2026-01-01T10(:|%3A)00$"))
    expect(page.get_by_label("Created from")).to_have_value("2026-01-01T10:00")
    expect(page.locator("#deliveries tbody tr")).to_have_count(1)
    page.get_by_label("Created", exact=True).select_option("7d")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(rf"{LOG}\?status=failed&since=7d$"))


def test_a_license_key_is_found_from_any_page(plain_page: Page, app: Flask) -> None:
    page = plain_page
    make_webhook()
    publish("production", [NewEvent("license.created", {"license_key": "KM-1234-5678"})])
    page.goto("/admin/webhooks")
    page.get_by_role("link", name="Go to a page, webhook or event").click()
    page.get_by_role("searchbox", name="Page, webhook or event").fill("KM-1234-5678")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("main").get_by_role("link", name="license.created").click()
    expect(page).to_have_url(re.compile("/admin/events/1$"))


def test_pages_of_the_log_are_links(plain_page: Page, app: Flask) -> None:
    page = plain_page
    webhook = make_webhook()
    for _ in range(30):
        settle(add_delivery(webhook))
    page.goto(LOG)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#deliveries tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("#deliveries tbody tr")).to_have_count(25)


def test_all_failed_ones_are_retried_and_a_webhook_is_recovered(plain_page: Page, app: Flask) -> None:
    page = plain_page
    webhook = make_webhook(name="Billing")
    for _ in range(3):
        settle(add_delivery(webhook), 500)
    page.goto(f"/admin/webhooks/{webhook.id}/recoveries")
    page.get_by_role("button", name="Preview").first.click()
    page.get_by_role("button", name="Retry 3 deliveries").click()
    expect(page.get_by_text("3 queued for one more attempt")).to_be_visible()


def test_a_key_is_created_and_revoked(plain_page: Page, watch: Watch, app: Flask) -> None:
    page = plain_page
    watch.expect_status(422)
    page.goto("/admin/api-keys")
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Give the key a name")).to_be_visible()
    page.get_by_label("Name").fill("License server")
    page.get_by_role("button", name="Create key").click()
    assert page.get_by_label("API key", exact=True).input_value().startswith("km_")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Revoke License server").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("status")).to_contain_text("License server was revoked.")
    db.session.rollback()
    assert db.session.scalars(db.select(ApiKey.revoked_at)).one()


def test_the_audit_log_is_searched(plain_page: Page, app: Flask) -> None:
    page = plain_page
    make_webhook()
    page.goto("/admin/api-keys/new")
    page.get_by_label("Name").fill("License server")
    page.get_by_role("button", name="Create key").click()
    page.goto("/admin/audit-log")
    page.get_by_label("Action", exact=True).select_option("API key: created")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#audit-entries tbody tr")).to_have_count(1)
