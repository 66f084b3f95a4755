"""What the palette finds, and how many of it."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.support.log_rows import add_delivery
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.views.palette import EVENTS_MAX, WEBHOOKS_MAX

SignIn = Callable[[str], FlaskClient]
PALETTE = "/admin/palette"


def count(client: FlaskClient, text: str) -> str:
    page = client.get(PALETTE, query_string={"q": text}, headers=HTMX).text
    return re.sub("<[^>]+>", "", page.split('id="palette-count"')[1].partition(">")[2]).strip()


def test_what_is_cut_says_so_and_leads_to_all(admin: FlaskClient) -> None:
    for number in range(WEBHOOKS_MAX):
        make_webhook(name=f"Needle {number}")
    assert count(admin, "needle") == f"{WEBHOOKS_MAX} results"
    assert "All webhooks with" not in admin.get(f"{PALETTE}?q=needle").text
    make_webhook(name="Needle of staging", environment="staging")
    assert count(admin, "needle") == f"The first {WEBHOOKS_MAX} results"
    page = admin.get(f"{PALETTE}?q=needle").text
    assert 'href="/admin/webhooks?q=needle&amp;environment="' in page
    assert "All webhooks with “needle”" in page


def test_what_finds_nothing_says_what_finds_events(admin: FlaskClient) -> None:
    for path in (PALETTE, "/admin/webhook-deliveries"):
        assert "The names of customers aren't searched." in unescape(admin.get(f"{path}?q=Brightwater").text)
        assert "The names of customers" not in admin.get(path).text


def test_its_page_has_no_button_for_itself(admin: FlaskClient) -> None:
    button = 'data-opens="palette"'
    assert button in admin.get("/admin/webhooks").text
    assert button not in admin.get(PALETTE).text
    assert re.search('name="q" value=""[^>]* autofocus', admin.get(PALETTE).text)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_open_it(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(PALETTE).status_code == 403


def test_a_delivery_is_found_by_its_number(admin: FlaskClient) -> None:
    delivery = add_delivery(make_webhook(name="A"))
    page = admin.get(f"{PALETTE}?q={delivery.id}").text
    assert f'href="/admin/webhook-deliveries/{delivery.id}"' in page
    assert f"Delivery {delivery.id}" in page
    for text in ("999", "9" * 30, "-1", "1.0"):
        assert "Delivery " not in admin.get(PALETTE, query_string={"q": text}).text.split('id="palette-results"')[1]


def test_an_environment_is_written_as_on_other_pages(admin: FlaskClient) -> None:
    delivery = add_delivery(make_webhook(name="Needle", environment="staging"))
    for text in ("needle", str(delivery.id), delivery.event.public_id):
        found = admin.get(f"{PALETTE}?q={text}").text.split('id="palette-results"')[1]
        assert re.search(r'<span class="muted small">Staging\b', found)


def test_many_events_are_cut_and_counted(admin: FlaskClient) -> None:
    assert count(admin, "nothing like it") == "No results"
    assert count(admin, "audit") == "1 result"
    for _ in range(EVENTS_MAX + 1):
        publish("production", [NewEvent("license.activated", {"license_key": "SAME-KEY"})])
    db.session.rollback()
    assert count(admin, "same-key") == f"The first {EVENTS_MAX} results"
    page = admin.get(f"{PALETTE}?q=same-key").text
    assert page.count('href="/admin/events/') == EVENTS_MAX
    assert "All deliveries with “same-key”" in page
