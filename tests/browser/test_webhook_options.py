"""The options in the form of a webhook, in Chromium."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.authorities import Authority
from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import Webhook
from webhooks_ui.webhooks.own_headers import MASK


def fill_the_log() -> None:
    for number in range(8):
        make_event(type="activation.failed", data={"reason": {"code": "limit_reached" if number < 3 else "other"}})


def fill_in_oauth(page: Page) -> None:
    page.get_by_label(re.compile("^Authentication")).select_option("oauth")
    page.get_by_label(re.compile("^User or client id")).fill("portal")
    page.get_by_label(re.compile("^Password, token")).fill("a-client-secret")
    page.get_by_label(re.compile("^Token URL")).fill("https://93.184.215.14/token")


def test_the_preview_shows_the_last_change_if_the_server_is_slow(page: Page) -> None:
    webhook = make_webhook(url="https://93.184.215.14/")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    page.get_by_text("Sent with each request, and stored encrypted").click()
    fill_in_oauth(page)
    expect(page.locator("#preview")).to_contain_text("POST https://93.184.215.14/token")

    def answer_late(route: Route) -> None:
        page.wait_for_timeout(500)
        route.continue_()

    page.route("**/preview", answer_late)
    page.get_by_label(re.compile("^How the client")).select_option("body")
    page.get_by_label("Environment", exact=True).select_option("staging")
    expect(page.locator("#preview")).to_contain_text(f"client_secret={MASK}")
    expect(page.locator("#preview")).to_contain_text("X-Webhook-Environment: staging")
    page.unroute_all(behavior="wait")


def test_conditions_are_tried_while_they_are_typed_and_then_saved(page: Page) -> None:
    fill_the_log()
    webhook = make_webhook(event_types=["activation.failed"], url="https://93.184.215.14/")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    page.get_by_text("Send only events whose data fits").click()
    page.get_by_role("button", name="Add condition").click()
    field = page.get_by_label("Field", exact=True)
    expect(field).to_be_focused()
    field.fill("reason.code")
    value = page.get_by_label("Value", exact=True)
    value.press_sequentially("limit_reached")
    expect(page.locator("#filter-trial")).to_contain_text("3 of the last 8 events would be sent.")
    expect(value).to_be_focused()
    page.get_by_role("combobox", name="Operator").select_option("differs")
    expect(page.locator("#filter-trial")).to_contain_text("5 of the last 8 events would be sent.")
    page.get_by_role("button", name="Add condition").click()
    page.get_by_role("button", name="Remove condition 2").click()
    expect(page.get_by_label("Field", exact=True)).to_have_count(1)
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#overview")).to_contain_text("reason.code differs from limit_reached")


def test_headers_and_a_password_are_saved_and_masked(page: Page) -> None:
    webhook = make_webhook(url="https://93.184.215.14/")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    page.get_by_text("Sent with each request, and stored encrypted").click()
    page.get_by_label(re.compile("^Headers")).fill("X-Tenant: emea")
    page.get_by_label(re.compile("^Authentication")).select_option("bearer")
    page.get_by_label(re.compile("^Password, token")).fill("a-long-token")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#overview")).to_contain_text(f"X-Tenant: {MASK}")
    expect(page.locator("#overview")).to_contain_text("Bearer token")
    assert "a-long-token" not in page.content()


def test_oauth_and_a_client_certificate_are_saved_and_masked(page: Page) -> None:
    webhook = make_webhook(url="https://93.184.215.14/")
    pair = Authority().sign("ada")
    page.goto(f"/admin/webhooks/{webhook.id}/edit")
    page.get_by_text("Sent with each request, and stored encrypted").click()
    expect(page.get_by_label(re.compile("^Token URL"))).to_be_hidden()
    fill_in_oauth(page)
    page.get_by_label(re.compile("^How the client")).select_option("body")
    expect(page.locator("#preview")).to_contain_text(f"client_secret={MASK}")
    page.get_by_text("For endpoints that ask for one").click()
    page.get_by_label(re.compile("^Client certificate")).fill(pair.certificate)
    page.get_by_label(re.compile("^Its private key")).fill(pair.key)
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#overview")).to_contain_text("OAuth, client portal, token from https://93.184.215.14/token")
    expect(page.locator("#overview")).to_contain_text("Subject: CN=ada")
    assert "a-client-secret" not in page.content()


@pytest.mark.parametrize("width", [320, 1_920])
def test_the_form_fits_into_any_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/webhooks/new")
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    for _ in range(2):
        page.get_by_role("button", name="Add condition").click()
        expect(page.get_by_label("Field", exact=True).last).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_the_buttons_and_the_trial_work(plain_page: Page) -> None:
    fill_the_log()
    page = plain_page
    page.goto("/admin/webhooks/new")
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Failures")
    page.get_by_label("URL", exact=True).fill("https://93.184.215.14/")
    page.get_by_role("checkbox", name=re.compile("activation.failed")).check()
    page.get_by_text("Send only events whose data fits").click()
    page.get_by_role("button", name="Only limit reached").click()
    expect(page.get_by_label("Value", exact=True)).to_have_value("limit_reached")
    expect(page.locator("#filter-trial")).to_contain_text("3 of the last 8 events would be sent.")
    expect(page.get_by_label("Name")).to_have_value("Failures")
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_role("heading", name="Failures", level=1)).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(db.select(Webhook)).one().filter
