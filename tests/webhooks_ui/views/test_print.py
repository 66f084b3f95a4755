"""The log and the list of webhooks for paper: all rows, and absolute times."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.log import LOG
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.deliveries import walk
from webhooks_ui.models import Stats, utcnow
from webhooks_ui.models.stats import hour_of
from webhooks_ui.views.deliveries import log
from webhooks_ui.views.webhooks import listing

HOOKS = "/admin/webhooks"


def rows(page: str) -> list[str]:
    return re.findall(r'<th scope="row" class="number">(\d+)</th>', page)


def test_the_log_prints_all_rows_that_the_filters_show_with_absolute_times(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing <b>")
    done = [settle(add_delivery(webhook)) for _ in range(30)]
    failed = settle(add_delivery(webhook), 500)
    assert f'href="{LOG}?print=1&amp;status=delivered"' in admin.get(f"{LOG}?status=delivered").text
    page = admin.get(f"{LOG}?print=1&status=delivered").text
    assert rows(page) == [str(delivery.id) for delivery in reversed(done)]
    assert "30 deliveries, as of" in page
    assert "Filters: status “Delivered”." in page
    assert f">{done[0].created_at.day} {done[0].created_at:%b %Y, %H:%M:%S} UTC</td>" in page
    assert "Billing &lt;b&gt;" in page
    assert " ago" not in page
    assert "left out" not in page
    assert rows(admin.get(f"{LOG}?print=1&sort=status").text)[0] == str(failed.id)


def test_filters_and_triggers_are_written_as_on_the_screen(admin: FlaskClient) -> None:
    failed = settle(add_delivery(trigger="missed"), 500)
    page = admin.get(f"{LOG}?print=1&status=with_failures&since=2026-01-31T08:00&sort=status").text
    assert rows(page) == [str(failed.id)]
    assert "Filters: status “With failures”, created from “31 Jan 2026, 08:00:00 UTC”.</p>" in page
    assert f"{failed.event_type} (Sent later)" in page
    assert "Filters:" not in admin.get(f"{LOG}?print=1&sort=status").text


def test_the_list_says_each_filter_and_rates_as_on_the_screen(admin: FlaskClient) -> None:
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    webhook = make_webhook(name="Sick", breaker_opened_at=utcnow(), attempted_hour=hour_of(hour))
    make_webhook(name="Well")
    key = {"webhook_id": webhook.id, "hour": hour, "duration_bucket_ms": 100}
    db.session.add(Stats(**key, succeeded=False, count=4))
    db.session.commit()
    page = admin.get(f"{HOOKS}?print=1&health=failing&status=active").text
    assert rows(page) == [str(webhook.id)]
    assert "Filters: status “Active”, health “Failing”.</p>" in page
    assert '<td class="end number">0 %</td>' in page


@pytest.mark.parametrize("sort", ["-time", "time", "status"])
def test_a_long_log_is_cut_and_says_so(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    webhook = make_webhook()
    for _ in range(7):
        settle(add_delivery(webhook))
    monkeypatch.setattr(log, "PRINTED_MAX", 5)
    page = admin.get(f"{LOG}?print=1&sort={sort}").text
    assert len(rows(page)) == 5
    assert "These are the first 5 that match." in page
    monkeypatch.setattr(log, "PRINTED_MAX", 7)
    page = admin.get(f"{LOG}?print=1&sort={sort}").text
    assert len(rows(page)) == 7
    assert "left out" not in page


def test_a_search_that_finds_hardly_anything_goes_on_for_some_steps(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = settle(add_delivery(make_webhook(event_types=["product.created"])))
    webhook = make_webhook()
    for _ in range(60):
        settle(add_delivery(webhook))
    monkeypatch.setattr(walk, "SCANNED_ROWS", 26)
    assert rows(admin.get(f"{LOG}?print=1&category=product").text) == [str(rare.id)]
    monkeypatch.setattr("webhooks_ui.deliveries.pages.STEPS_MAX", 1)
    page = admin.get(f"{LOG}?print=1&category=product").text
    assert rows(page) == []
    assert "The search went back to" in page


def test_the_list_prints_all_webhooks_and_keeps_the_size_of_pages(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(make_webhook(name=f"Hook {number:02}").id) for number in range(30)]
    assert f'href="{HOOKS}?print=1&amp;sort=name"' in admin.get(f"{HOOKS}?sort=name").text
    page = admin.get(f"{HOOKS}?print=1&sort=name&page=2&size=50").text
    assert rows(page) == ids
    assert "30 webhooks, as of" in page
    assert admin.get(HOOKS).text.count("data-row-link") == 25
    monkeypatch.setattr(listing, "PRINTED_MAX", 20)
    page = admin.get(f"{HOOKS}?print=1").text
    assert len(rows(page)) == 20
    assert "These are the first 20 of 30 webhooks." in page


def test_an_operator_prints_no_whole_url(sign_in: Callable[[str], FlaskClient]) -> None:
    make_webhook(url="https://example.com/hooks/planted-token")
    client = sign_in("operator")
    page = client.get(f"{HOOKS}?print=1")
    assert page.status_code == 200
    assert "planted-token" not in page.text
    assert client.get(f"{LOG}?print=1").status_code == 403


@pytest.mark.parametrize("value", ["0", "", "yes", "١"])
def test_any_other_value_is_the_usual_page(admin: FlaskClient, value: str) -> None:
    assert 'id="deliveries"' in admin.get(LOG, query_string={"print": value}).text
    assert 'id="webhooks"' in admin.get(HOOKS, query_string={"print": value}).text


def test_a_filter_that_is_not_understood_is_told_on_paper(admin: FlaskClient) -> None:
    settle(add_delivery())
    page = admin.get(f"{LOG}?print=1&code=50x").text
    assert "Response code “50x”" in page
    assert "more than was asked for" in page


def test_filters_have_the_names_of_the_log(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing")
    settle(add_delivery(webhook))
    page = admin.get(f"{LOG}?print=1&webhook={webhook.id}&code=2xx&q=billing").text
    assert "Filters: search “billing”, response code “2xx”, webhook “Billing”." in page
