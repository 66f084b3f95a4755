"""The overview of all webhooks."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient

from jobs.chores.count_types import count_types
from jobs.chores.summarize import summarize
from tests.support.factories import make_delivery, make_event, make_unreadable_webhook, make_webhook
from tests.support.http import HTMX
from tests.support.log_rows import add_delivery
from webhooks_ui.database import db
from webhooks_ui.deliveries import by_type
from webhooks_ui.models import Stats, utcnow

OVERVIEW = "/admin/overview"


def attempts(webhook_id: int, succeeded: int, failed: int) -> None:
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    for result, count in ((True, succeeded), (False, failed)):
        key = {"webhook_id": webhook_id, "hour": hour, "succeeded": result, "duration_bucket_ms": 100}
        db.session.add(Stats(**key, count=count))
    db.session.commit()
    summarize()
    db.session.rollback()


def words(text: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", text.replace("<wbr>", "")).split())


def test_without_anything_it_says_so(admin: FlaskClient) -> None:
    text = words(admin.get(OVERVIEW).text)
    assert "No delivery was attempted in the last 24 hours." in text
    assert "No webhook is failing, and none was disabled." in text
    assert "A sample is taken every five minutes." in text


def test_it_shows_how_all_webhooks_do_and_which_fails_most(admin: FlaskClient) -> None:
    bad = make_webhook(name="Bad").id
    make_delivery(make_webhook(name="Good"))
    attempts(bad, 6, 2)
    text = words(admin.get(OVERVIEW).text)
    assert "Succeeded 75 %" in text
    assert "Bad Production 2 of 8 attempts failed (25 %)" in text
    assert "Waiting now 2" in text


def test_the_backlog_tells_what_waits_from_what_is_due(admin: FlaskClient) -> None:
    assert "Oldest due – " in words(admin.get(OVERVIEW).text)
    retried = add_delivery(make_webhook(), due_at=utcnow() + timedelta(minutes=20, seconds=30))
    add_delivery(make_webhook(breaker_opened_at=utcnow()))
    text = words(admin.get(OVERVIEW).text)
    assert "Waiting now 2" in text
    assert "Oldest due None is due" in text
    assert "Next due in 20 minutes" in text
    assert "or for a webhook that is inactive, failing or throttled, aren't due." in text
    retried.due_at = utcnow() - timedelta(minutes=3, seconds=1)
    db.session.commit()
    text = words(admin.get(OVERVIEW).text)
    assert "Oldest due 3 min" in text
    assert "Next due" not in text


def test_what_is_due_at_this_moment_is_due(admin: FlaskClient) -> None:
    add_delivery(make_webhook(), due_at=utcnow())
    text = words(admin.get(OVERVIEW).text)
    assert "Oldest due under 1 s" in text
    assert "Next due" not in text


def test_what_only_waits_for_a_failing_webhook_has_no_time(admin: FlaskClient) -> None:
    add_delivery(make_webhook(breaker_opened_at=utcnow()))
    under_way = add_delivery(make_webhook(), due_at=utcnow() + timedelta(seconds=30), lease_token="worker")
    text = words(admin.get(OVERVIEW).text)
    assert "Oldest due None is due" in text
    assert "Next due" not in text
    assert under_way.is_under_way


@pytest.mark.parametrize("range", ["24h", "7d"])
def test_links_into_the_log_keep_the_range(admin: FlaskClient, range: str) -> None:
    bad = make_webhook().id
    make_delivery(make_webhook(name="Good"))
    attempts(bad, 6, 2)
    page = admin.get(f"{OVERVIEW}?range={range}").text
    assert f'href="/admin/webhook-deliveries?webhook={bad}&amp;status=with_failures&amp;since={range}"' in page
    assert f'href="/admin/webhook-deliveries?q=license.activated&amp;since={range}"' in page


def test_what_needs_attention_comes_with_its_reason(admin: FlaskClient) -> None:
    since = "2026-11-23T10:00:00+00:00"
    cause = {"outcome": "bad_status", "code": 503, "text": "on fire", "count": 34, "since": since, "delivery": 1}
    make_webhook(name="Sick", breaker_opened_at=utcnow(), consecutive_failures=34, failures=[cause])
    make_webhook(name="Dead", active=False, disabled_at=utcnow(), disabled_reason="The endpoint answered 410 Gone.")
    make_unreadable_webhook(name="Lost", unreadable_at=utcnow())
    text = words(admin.get(OVERVIEW).text)
    assert "View all 3 notices" in text
    assert "503 Service Unavailable , 34 ×" in text
    assert "on fire" in text
    assert "The endpoint answered 410 Gone." in text
    assert "Lost Secret lost The secret can't be decrypted" in text


def test_it_follows_the_environment_of_the_top_bar(admin: FlaskClient) -> None:
    attempts(make_webhook(name="Here").id, 0, 3)
    admin.post("/environment", data={"environment": "staging", "next": OVERVIEW})
    text = words(admin.get(OVERVIEW).text)
    assert "How the webhooks of staging are doing" in text
    assert "Here" not in text


@pytest.mark.parametrize("range", ["24h", "7d", "30d", "nonsense"])
def test_a_range_changes_the_fragment(admin: FlaskClient, range: str) -> None:
    attempts(make_webhook().id, 6, 2)
    answer = admin.get(f"{OVERVIEW}?range={range}", headers=HTMX)
    assert answer.text.count('id="overview"') == 1
    assert "<html" not in answer.text
    assert "75 %" in answer.text


def test_a_range_that_somebody_chose_is_announced_and_one_that_renews_itself_is_not(admin: FlaskClient) -> None:
    page = f"/admin/webhooks/{make_webhook().id}"
    for address in (OVERVIEW, page):
        chosen = admin.get(f"{address}?range=7d", headers=HTMX | {"HX-Trigger": "range-7d", "HX-Target": "health"}).text
        assert "7 days shown." in chosen.partition('id="status" hx-swap-oob="innerHTML"')[2]
    assert "hx-swap-oob" not in admin.get(f"{OVERVIEW}?range=7d", headers=HTMX | {"HX-Trigger": "overview"}).text
    assert "7 days shown." not in admin.get(f"{page}?range=7d").text


def test_events_are_counted_by_type_for_the_whole_range(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = make_webhook()
    with time_machine.travel(utcnow() - timedelta(hours=2)):
        for status in ("delivered", "delivered", "failed", "failed", "pending"):
            make_delivery(webhook, status=status)
        make_event("product.created")
    text = words(admin.get(OVERVIEW).text)
    assert "Events are being counted." in text
    count_types()
    text = words(admin.get(OVERVIEW).text)
    assert "Events of the last 24 hours" in text
    assert "license.activated 5 5 2 1" in text
    assert "product.created 1 0 0 0" in text
    assert "being counted" not in text
    monkeypatch.setattr(by_type, "UNSETTLED_MAX", 1)
    monkeypatch.setattr("webhooks_ui.views.overview.UNSETTLED_MAX", 1)
    text = words(admin.get(OVERVIEW).text)
    assert "license.activated 5 5 1 1" in text
    assert "Failed and pending count the newest 1 deliveries of each." in text


def test_an_operator_does_not_see_it(sign_in: Callable[[str], FlaskClient]) -> None:
    client = sign_in("operator")
    assert client.get(OVERVIEW).status_code == 403
    assert OVERVIEW not in client.get("/admin/webhooks").text


def test_it_is_the_first_page_of_developers(admin: FlaskClient) -> None:
    links = re.findall(r'class="nav-item" href="([^"]+)"', admin.get("/admin/webhooks").text)
    assert links[0] == OVERVIEW
