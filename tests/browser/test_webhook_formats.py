"""A webhook for a chat in Chromium: the format follows from the URL, the preview follows, and the service takes it."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from jobs import deliver
from jobs.publish import publish
from tests.browser.conftest import stored
from tests.support.receivers import Answer, Received, Receiver
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import CATEGORIES
from webhooks_ui.models import Delivery, Webhook
from webhooks_ui.run.services import SERVICES

CLICKS = "window.clicks = 0; addEventListener('click', event => { if (event.isTrusted) window.clicks += 1 }, true)"


@pytest.fixture
def hosts_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the names of the services lead to this machine."""
    genuine = socket.getaddrinfo

    def here(host: str, *args: object, **kwargs: object) -> object:
        is_service = host in ("hooks.slack.com", "discord.com", "acme.webhook.office.com")
        return genuine("127.0.0.1" if is_service else host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", here)


def judged_by(receiver: Receiver, service: str) -> list[str]:
    """Let ``receiver`` answer as a service does. Return the list that collects what it says of each message."""
    found: list[str] = []

    def respond(request: Received) -> Answer:
        answer = SERVICES[service](request.body)
        found.append(answer.broken)
        return answer.code, {"Content-Type": answer.content_type}, answer.body

    receiver.respond = respond
    return found


@contextmanager
def refreshed(page: Page) -> Iterator[None]:
    """Do something that refreshes the preview, and wait until it is shown."""
    with page.expect_response(re.compile("/preview$")):
        yield


def test_slack_activation_alerts(page: Page, receiver: Receiver, hosts_of_services: None) -> None:
    judged = judged_by(receiver, "slack")
    page.goto("/admin/webhooks/new")
    page.evaluate(CLICKS)
    page.get_by_label("Name").fill("Slack Activation Alerts")
    with refreshed(page):
        page.get_by_label("URL", exact=True).fill(receiver.url.replace("127.0.0.1", "hooks.slack.com"))
    expect(page.get_by_label("Format", exact=True)).to_have_value("slack")
    with refreshed(page):
        page.get_by_role("checkbox", name="All activation events").check()
    preview = page.locator("#preview")
    expect(preview.locator(".message")).to_contain_text("Activation created")
    expect(preview).to_contain_text("POST http://hooks.slack.com")
    assert page.evaluate("window.clicks") == 1
    page.get_by_role("button", name="Create Webhook").click()
    expect(page.get_by_role("heading", name="Slack Activation Alerts", level=1)).to_be_visible()
    webhook = stored(db.session.scalars(db.select(Webhook.id)).one())
    assert (webhook.format, webhook.rate_limit, webhook.rate_period) == ("slack", 1, "second")
    assert webhook.event_types == sorted(type.name for type in CATEGORIES["activation"])
    webhook.rate_limit = None  # else the three events would take three seconds
    db.session.commit()
    publish("production", [NewEvent(type.name, type.example) for type in CATEGORIES["activation"]])
    deliver.deliver()
    assert judged == ["", "", ""]
    db.session.rollback()
    assert set(db.session.scalars(db.select(Delivery.status))) == {"delivered"}


def test_the_format_follows_the_url_until_somebody_chooses_another(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    url, format = page.get_by_label("URL", exact=True), page.get_by_label("Format", exact=True)
    for address, name in (
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://acme.webhook.office.com/webhookb2/x", "teams"),
        ("https://example.com/in", "json"),
        ("https://hooks.slack.com/services/x", "slack"),
    ):
        with refreshed(page):
            url.fill(address)
        expect(format).to_have_value(name)
    with refreshed(page):
        format.select_option("cloudevents")
    expect(page.locator("#format-notes")).to_contain_text("Slack doesn't read the format CloudEvents.")
    with refreshed(page):
        url.fill("https://discord.com/api/webhooks/1/x")
    expect(page.locator("#format-notes")).to_contain_text("Discord doesn't read the format CloudEvents.")
    expect(format).to_have_value("cloudevents")


def test_typing_goes_on_while_the_preview_is_refreshed(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    url = page.get_by_label("URL", exact=True)
    with refreshed(page):
        url.press_sequentially("https://hooks.slack.com/services/x", delay=20)
    expect(url).to_be_focused()
    expect(url).to_have_value("https://hooks.slack.com/services/x")
    expect(page.get_by_label("Format", exact=True)).to_have_value("slack")


def test_the_preview_of_another_type_is_shown_without_choosing_it(page: Page) -> None:
    page.goto("/admin/webhooks/new")
    with refreshed(page):
        page.get_by_label("Event type", exact=True).select_option("license.revoked")
    expect(page.locator("#preview")).to_contain_text("license.revoked")
    expect(page.get_by_role("checkbox", name=re.compile("license.revoked"))).not_to_be_checked()


@pytest.mark.parametrize(("width", "is_beside"), [(320, False), (1280, True), (1600, True)])
def test_the_preview_stands_beside_the_form_where_there_is_room(page: Page, width: int, is_beside: bool) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/admin/webhooks/new")
    form, preview = page.locator("#webhook-form").bounding_box(), page.locator("#preview").bounding_box()
    assert form
    assert preview
    assert (preview["x"] >= form["x"] + form["width"]) is is_beside
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_a_button_shows_the_preview_and_keeps_what_was_typed(plain_page: Page) -> None:
    plain_page.goto("/admin/webhooks/new")
    expect(plain_page.get_by_label("Name")).to_be_focused()
    plain_page.get_by_label("Name").fill("Slack Activation Alerts")
    plain_page.get_by_label("URL", exact=True).fill("https://hooks.slack.com/services/x")
    plain_page.get_by_role("checkbox", name=re.compile("activation.failed")).check()
    plain_page.get_by_role("button", name="Show preview").click()
    expect(plain_page.get_by_label("Name")).to_have_value("Slack Activation Alerts")
    expect(plain_page.get_by_label("Format", exact=True)).to_have_value("slack")
    expect(plain_page.get_by_role("checkbox", name=re.compile("activation.failed"))).to_be_checked()
    expect(plain_page.locator("#preview .message")).to_contain_text("Activation failed")
