"""Live lists in Chromium: deliveries come in while nobody reads, and wait while somebody does."""

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect
from sqlalchemy.exc import OperationalError

from jobs.deliver import deliver
from tests.browser.conftest import Watch
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.deliveries.following import Seen

LOG = "/admin/webhook-deliveries"


def test_the_log_follows_new_deliveries_and_waits_while_somebody_reads(page: Page, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    rows, state = page.locator("#deliveries tbody tr"), page.locator("#live-state")
    page.goto(LOG)
    page.get_by_role("switch", name="Follow new deliveries").press("Space")
    switch = page.get_by_role("switch", name="Follow new deliveries", checked=True)
    expect(switch).to_be_focused()
    expect(state).to_have_text("Live", use_inner_text=True)

    make_event()
    expect(rows).to_have_count(1)
    expect(page.locator("#arrivals")).to_have_text("1 new delivery")
    deliver()
    expect(rows.first).to_contain_text("Delivered")

    rows.first.hover()
    expect(state).to_have_text("Paused while you read", use_inner_text=True)
    make_event()
    page.mouse.move(1, 1)
    expect(rows).to_have_count(2)
    expect(state).to_have_text("Live", use_inner_text=True)

    page.locator("#deliveries tbody a").first.focus()
    expect(state).to_have_text("Paused while you read", use_inner_text=True)
    make_event()
    with page.expect_response(lambda answer: "/unfinished" in answer.url):
        pass  # other polls go on
    expect(rows).to_have_count(2)
    switch.focus()
    expect(rows).to_have_count(3)

    page.goto(f"/admin/webhooks/{webhook.id}")
    recent = page.locator("#recent-rows tbody tr")
    expect(recent).to_have_count(3)
    make_event()
    expect(recent).to_have_count(4)
    deliver()
    expect(recent.get_by_text("Delivered")).to_have_count(4)

    switch.click()
    expect(page.get_by_role("switch", name="Follow new deliveries", checked=False)).to_be_focused()
    expect(page.locator("#follow")).to_have_count(0)
    expect(page.locator("#newer")).to_have_count(1)


def test_a_search_goes_before_the_poll_of_a_live_log(page: Page, base_url: str) -> None:
    page.context.add_cookies([{"name": "live", "value": "on", "url": base_url}])
    webhooks = [make_webhook(name=name) for name in ("alpha", "beta")]
    make_event()
    page.goto(LOG)
    polls: list[Route] = []
    searches: list[Route] = []
    page.route(lambda address: "/follow" in address, lambda route: polls.append(route))
    with page.expect_request(lambda request: "/follow" in request.url):
        pass
    page.route(lambda address: "q=alpha" in address, lambda route: searches.append(route))
    with page.expect_request(lambda request: "q=alpha" in request.url):
        page.get_by_label("Search deliveries").fill("alpha")
    make_event()
    polls[0].continue_()
    searches[0].continue_()
    rows = page.locator("#deliveries tbody tr")
    expect(rows.filter(has_text=webhooks[1].name)).to_have_count(0)
    expect(rows).to_have_count(2)


def test_a_live_log_says_that_it_waits_for_the_database_and_goes_on_afterwards(
    page: Page, app: Flask, base_url: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.expect_status(503)
    page.context.add_cookies([{"name": "live", "value": "on", "url": base_url}])
    page.goto(LOG)
    state = page.locator("#live-state")
    expect(state).to_have_text("Live", use_inner_text=True)

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(Seen, "may_differ", fail)
    expect(state).to_have_text("Paused: no answer", use_inner_text=True)
    expect(page.locator("#alert")).to_be_empty()
    monkeypatch.undo()
    expect(state).to_have_text("Live", use_inner_text=True)
