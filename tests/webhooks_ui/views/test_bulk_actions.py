"""Changes to many deliveries: counted, confirmed, followed and stopped."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.bulk_actions.batches import run_batch
from jobs.publish import publish
from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import AuditEntry, BulkAction, Delivery, Webhook, utcnow

SignIn = Callable[[str], FlaskClient]


RETRIES = "/admin/webhook-deliveries/retries"
CANCELLATIONS = "/admin/webhook-deliveries/cancellations"


def counted(page: TestResponse) -> int:
    found = re.search(r'id="bulk-count">([\d,]+)<', page.text)
    return int(found[1]) if found else 0


def confirmed(page: TestResponse) -> dict[str, str]:
    """Return the fields of the form on a page that asks for confirmation."""
    return dict(re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', page.text))


def status_of(delivery: Delivery) -> str:
    db.session.expire_all()
    return db.session.get_one(Delivery, delivery.id).status


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_says_how_many_before_anything_happens(admin: FlaskClient, method: str) -> None:
    failed = [settle(add_delivery(), 500) for _ in range(3)]
    settle(add_delivery())
    page = admin.open(f"{RETRIES}?status=failed", method=method.upper())
    assert page.status_code == 200
    assert counted(page) == 3
    assert "Retry 3 deliveries" in page.text
    assert "a second time" not in page.text
    assert [status_of(delivery) for delivery in failed] == ["failed"] * 3


def test_what_was_confirmed_is_done(admin: FlaskClient) -> None:
    failed, done = settle(add_delivery(), 500), settle(add_delivery())
    page = admin.post(RETRIES, data={"status": "failed"})
    answer = admin.post(RETRIES, data=confirmed(page))
    assert answer.status_code == 303
    assert (status_of(failed), status_of(done)) == ("pending", "delivered")
    progress = admin.get(answer.location).text
    assert '<b class="number">1</b> queued for one more attempt' in progress
    assert "Finished" in progress
    assert "1 still trying" in progress
    settle(failed)
    progress = admin.get(answer.location).text
    assert "1 delivered" in progress
    assert "hx-trigger" not in progress.split('id="bulk-action"')[1].split(">")[0]
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="bulk_action.retry")).one()
    assert entry.after == {"status": "failed"}


def test_the_result_names_the_webhook_as_the_question_does(admin: FlaskClient) -> None:
    webhook = make_webhook(name="Billing")
    settle(add_delivery(webhook), 500)
    page = admin.get(f"{RETRIES}?webhook={webhook.id}")
    answer = admin.post(RETRIES, data=confirmed(page))
    for text in (page.text, admin.get(answer.location).text):
        assert re.search(r"<dt>Webhook</dt>\s*<dd[^>]*>\s*Billing", text)


def test_the_question_counts_by_the_words_of_the_list(admin: FlaskClient) -> None:
    inactive = make_webhook(active=False)
    for _ in range(2):
        settle(add_delivery(inactive), 500, status="pending", due_at=utcnow())
    settle(add_delivery(inactive), 429, status="pending", due_at=utcnow(), throttled_count=1)
    settle(add_delivery(inactive), 500)
    add_delivery(inactive, forced=True)  # it goes out at once, also to an inactive webhook
    for address, counts in (
        (RETRIES, {"Retrying": 2, "Pending": 2, "Failed": 1}),
        (CANCELLATIONS, {"Retrying": 2, "Pending": 1}),
    ):
        page = re.sub(r"<svg.*?</svg>", "", admin.get(address).text, flags=re.DOTALL)
        found = re.findall(r'data-status="\w+">(\w+)</span></dt><dd class="number">(\d+)<', page)
        assert {status: int(count) for status, count in found} == counts


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"breaker_opened_at": utcnow(), "probe_at": utcnow() + timedelta(hours=2)}, "once a probe succeeds"),
        ({"breaker_opened_at": utcnow()}, "The next probe goes out in a moment."),
        ({"active": False}, "They go out once you activate it."),
        ({"throttled_until": utcnow() + timedelta(hours=2)}, "Its endpoint asked to wait until"),
        ({"unreadable_at": utcnow()}, "Give it a new one."),
    ],
)
def test_the_result_says_which_webhook_holds_back_what_was_queued(
    admin: FlaskClient, state: dict[str, object], sentence: str
) -> None:
    webhook, good = make_webhook(name="Billing", **state), make_webhook()
    held = [settle(add_delivery(webhook), 500) for _ in range(2)]
    settle(add_delivery(good), 500)
    answer = admin.post(RETRIES, data=confirmed(admin.get(RETRIES)))
    page = admin.get(answer.location).text
    assert "1 still trying" in page
    assert "2 waiting for their webhooks" in page
    assert f'2 wait for <a class="anywhere" href="/admin/webhooks/{webhook.id}"><bdi>Billing</bdi></a>.' in page
    assert sentence in page
    assert "2 of them aren't sent yet." in page
    assert ("To send one at once, press Retry" in page) == ("unreadable_at" not in state)
    assert "Finished" not in page
    for delivery in held:
        settle(delivery)
    page = admin.get(answer.location).text
    assert "Finished" in page
    assert "waiting for" not in page


def test_the_result_names_the_first_of_many_webhooks_that_hold_back(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.bulk_actions.HELD_MAX", 1)
    first, second = (make_webhook(name=name, active=False) for name in ("Most", "Least"))
    for webhook in (second, first, first):
        settle(add_delivery(webhook), 500)
    page = admin.get(admin.post(RETRIES, data=confirmed(admin.get(RETRIES))).location).text
    assert "<bdi>Most</bdi>" in page
    assert "<bdi>Least</bdi>" not in page
    assert "1 waits for other webhooks." in page
    assert "3 of them aren't sent yet" in page


def test_sending_again_what_arrived_is_warned_of(admin: FlaskClient) -> None:
    settle(add_delivery())
    assert "a second time" in admin.get(RETRIES).text


def test_only_the_undelivered_ones_are_offered_first(admin: FlaskClient) -> None:
    failed, done = settle(add_delivery(), 500), settle(add_delivery())
    page = admin.get(RETRIES)
    assert "Retry only the 1 undelivered" in page.text
    assert "Resend all 2" in page.text
    answer = admin.post(RETRIES, data=confirmed(page) | {"status": "undelivered"})
    assert (status_of(failed), status_of(done)) == ("pending", "delivered")
    assert "1 still trying" in admin.get(answer.location).text


def test_a_row_leads_to_all_that_failed_since_it(admin: FlaskClient) -> None:
    webhook = make_webhook()
    before, first = settle(add_delivery(webhook), 500), settle(add_delivery(webhook), 500)
    settle(add_delivery(webhook))
    last, other = settle(add_delivery(webhook), 503), settle(add_delivery(), 500)
    row = admin.get("/admin/webhook-deliveries").text.split(f'id="delivery-{first.id}-since"')[1]
    found = re.search(r'href="([^"]+)"', row)
    assert found
    page = admin.get(found[1].replace("&amp;", "&"))
    assert counted(page) == 2
    admin.post(RETRIES, data=confirmed(page))
    assert [status_of(delivery) for delivery in (before, first, last, other)] == [
        "failed",
        "pending",
        "pending",
        "failed",
    ]


def test_the_log_shows_what_an_action_did_and_what_became_of_it(admin: FlaskClient) -> None:
    good, bad, other = (settle(add_delivery(make_webhook(name=name)), 500) for name in ("Good", "Bad", "Other"))
    page = admin.get(f"{RETRIES}?webhook={good.webhook_id}")
    admin.post(RETRIES, data=confirmed(page))
    answer = admin.post(RETRIES, data=confirmed(admin.get(f"{RETRIES}?webhook={bad.webhook_id}")))
    settle(bad, 503)
    progress = admin.get(answer.location).text
    assert "1 failed" in progress
    action = answer.location.rpartition("/")[2]
    log = admin.get(f"/admin/webhook-deliveries?action={action}").text
    assert f'id="delivery-{bad.id}"' in log
    assert f'id="delivery-{good.id}"' not in log
    assert f'id="delivery-{other.id}"' not in log
    assert f"Bulk action {action}" in log


def test_with_nothing_to_do_there_is_nothing_to_confirm(admin: FlaskClient) -> None:
    page = admin.get(f"{RETRIES}?status=failed")
    assert "There is nothing to retry" in page.text
    assert 'name="confirm"' not in page.text
    assert "None of these deliveries waits for an inactive webhook" in admin.get(CANCELLATIONS).text


def test_what_waits_for_a_failing_webhook_is_not_offered_for_cancelling(admin: FlaskClient) -> None:
    failing = make_webhook(breaker_opened_at=utcnow())
    add_delivery(failing)
    log = admin.get("/admin/webhook-deliveries").text
    assert "Cancel for inactive webhooks…" in log
    page = admin.get(CANCELLATIONS).text
    assert "Only those can be cancelled. What waits for an active webhook is still sent" in page
    add_delivery(make_webhook(active=False))
    assert "waits for an inactive webhook and will be cancelled" in admin.get(CANCELLATIONS).text


def test_waiting_deliveries_of_an_inactive_webhook_are_cancelled(admin: FlaskClient) -> None:
    inactive = make_webhook(active=False)
    waiting, active = add_delivery(inactive), add_delivery()
    page = admin.post(CANCELLATIONS, data={"webhook": inactive.id})
    assert counted(page) == 1
    admin.post(CANCELLATIONS, data=confirmed(page))
    assert (status_of(waiting), status_of(active)) == ("cancelled", "pending")


@pytest.mark.parametrize("address", [RETRIES, CANCELLATIONS])
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("webhook=abc", "Webhook “abc”"),
        ("code=50x", "Not a code: write 500 or 5xx."),
        ("status=failed&since=yesterday", "Created from “yesterday”"),
        ("until=32.13.2026", "Not a time"),
        ("category=mars&environment=moon", "Category “mars”"),
        ("status=nonsense", "Not a status"),
        ("action=x", "Not the number of a bulk action"),
        ("q=%00", "Can&#39;t be searched for"),
        (f"q={'x' * 201}", "Can&#39;t be searched for"),
    ],
)
def test_filters_that_are_not_understood_are_refused(admin: FlaskClient, address: str, query: str, word: str) -> None:
    failed = settle(add_delivery(), 500)
    for answer in (admin.get(f"{address}?{query}"), admin.post(f"{address}?{query}", data={"confirm": "1"})):
        assert answer.status_code == 422
        assert word in answer.text
        assert "Nothing was retried, cancelled or exported" in answer.text
    assert status_of(failed) == "failed"
    assert db.session.scalar(db.select(db.func.count(BulkAction.id))) == 0


def test_an_action_by_a_category_that_is_gone_changes_nothing_more(admin: FlaskClient) -> None:
    failed = settle(add_delivery(), 500)
    action = BulkAction(
        kind="retry", filters={"category": "gone"}, actor="a@example.com", start_id=0, end_id=failed.id, place=0
    )
    db.session.add(action)
    db.session.commit()
    assert not run_batch(action.id)
    assert status_of(failed) == "failed"
    assert "Finished" in admin.get(f"/admin/bulk-actions/{action.id}").text


def test_a_running_action_survives_a_reload_and_can_be_stopped(admin: FlaskClient) -> None:
    action = BulkAction(kind="retry", filters={}, actor="a@example.com", start_id=0, end_id=100, place=50)
    db.session.add(action)
    db.session.commit()
    address = f"/admin/bulk-actions/{action.id}"
    page = admin.get(address).text
    assert '<progress id="bulk-progress" max="100" value="50"' in page
    assert 'hx-trigger="every 1s"' in page
    assert admin.post(f"{address}/stop").status_code == 303
    page = admin.get(address).text
    assert "Changes made before then are kept." in page
    assert 'hx-trigger="every' not in page
    page = admin.post(f"{address}/stop", follow_redirects=True).text
    assert "Nothing was stopped: this action isn&#39;t running any more." in page
    assert db.session.scalar(db.select(db.func.count(AuditEntry.id)).filter_by(action="bulk_action.stopped")) == 1


def test_failed_deliveries_of_one_webhook_are_recovered_since_a_time(admin: FlaskClient) -> None:
    webhook = make_webhook()
    old = settle(add_delivery(webhook, created_at=utcnow() - timedelta(days=3)), 500)
    failed, other = settle(add_delivery(webhook), 500), settle(add_delivery(), 500)
    in_an_hour = utcnow() + timedelta(hours=1)
    retrying = settle(add_delivery(webhook), 500, status="pending", due_at=in_an_hour)
    add_delivery(webhook, due_at=in_an_hour)  # no attempt yet
    settle(add_delivery(webhook))
    address = f"/admin/webhooks/{webhook.id}/recoveries"
    assert "Recover failed deliveries" in admin.get(address).text
    page = admin.post(address, data={"since": "24h"})
    assert counted(page) == 2
    admin.post(RETRIES, data=confirmed(page))
    assert [status_of(delivery) for delivery in (old, failed, other)] == ["failed", "pending", "failed"]
    assert retrying.due_at is not None
    assert retrying.due_at <= utcnow()


def test_the_question_of_a_recovery_leads_back_to_its_form(admin: FlaskClient) -> None:
    address = f"/admin/webhooks/{make_webhook().id}/recoveries"
    nothing = admin.post(address, data={"since": "24h"}).text
    assert "are not included" not in nothing  # what is retrying would be
    settle(add_delivery(db.session.get(Webhook, 1)), 500)
    something = admin.post(address, data={"since": "24h"}).text
    for page, button in ((nothing, "Back"), (something, "Cancel")):
        assert f'<a class="back" href="{address}">' in page
        assert f'<a class="button" href="{address}">{button}</a>' in page


def test_the_pages_of_a_recovery_belong_to_webhooks(admin: FlaskClient) -> None:
    page = admin.get(f"/admin/webhooks/{make_webhook().id}/recoveries").text
    assert '<a class="nav-item" href="/admin/webhooks" aria-current="true">' in page


def test_missed_events_are_counted_and_then_sent(admin: FlaskClient) -> None:
    webhook = make_webhook(active=False)
    publish("production", [NewEvent("license.activated", {}), NewEvent("license.created", {})])
    address = f"/admin/webhooks/{webhook.id}/missed"
    page = admin.post(address, data={"since": "1h"})
    assert counted(page) == 1
    answer = admin.post(address, data=confirmed(page))
    assert answer.status_code == 303
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert (delivery.trigger, delivery.webhook_id, delivery.status) == ("missed", webhook.id, "pending")
    assert "No events" in admin.post(address, data={"since": "1h"}).text


@pytest.mark.parametrize(
    ("address", "asked"), [(RETRIES, {"status": "delivered"}), (CANCELLATIONS, {}), ("missed", {"since": "1h"})]
)
def test_a_question_that_is_answered_twice_begins_one_action(
    admin: FlaskClient, address: str, asked: dict[str, str]
) -> None:
    """Without that, a double click on *Resend* sends everything twice, if the first action is quick."""
    webhook = make_webhook(active=False)
    publish("production", [NewEvent("license.activated", {})])
    delivery = add_delivery(webhook)
    if address == RETRIES:
        settle(delivery)
    address = f"/admin/webhooks/{webhook.id}/missed" if address == "missed" else address
    page = admin.post(address, data=asked)
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page.text))
    first, second = (admin.post(address, data=fields) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert db.session.scalar(db.select(db.func.count(BulkAction.id))) == 1


@pytest.mark.parametrize("since", ["", "soon", "2026-13-01", "2999-01-01"])
def test_a_time_that_makes_no_sense_is_told_and_changes_nothing(admin: FlaskClient, since: str) -> None:
    webhook = make_webhook()
    answer = admin.post(f"/admin/webhooks/{webhook.id}/missed", data={"since": since, "confirm": "1"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert db.session.scalar(db.select(db.func.count(BulkAction.id))) == 0


def test_a_recovery_needs_a_time(admin: FlaskClient) -> None:
    webhook = make_webhook()
    for times in ({}, {"since": "soon"}, {"since": "24h", "until": "soon"}):
        answer = admin.post(f"/admin/webhooks/{webhook.id}/recoveries", data={"confirm": "1", **times})
        assert answer.status_code == 422
    assert db.session.scalar(db.select(db.func.count(BulkAction.id))) == 0


def test_unknown_ones_are_a_404(admin: FlaskClient) -> None:
    for path in ("/admin/bulk-actions/9", "/admin/webhooks/9/recoveries"):
        assert admin.get(path).status_code == 404
    assert admin.post("/admin/webhooks/9/missed").status_code == 404
    for change in ("stop", "continue"):
        assert admin.post(f"/admin/bulk-actions/9/{change}").status_code == 404


def test_continuing_what_is_not_stopped_says_so(admin: FlaskClient) -> None:
    action = BulkAction(kind="retry", filters={}, actor="a@example.com", start_id=0, end_id=100, place=50)
    db.session.add(action)
    db.session.commit()
    page = admin.post(f"/admin/bulk-actions/{action.id}/continue", follow_redirects=True).text
    assert "Nothing was continued: this action isn&#39;t stopped any more." in page


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may(sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    for path in (RETRIES, CANCELLATIONS, "/admin/webhooks/1/missed", "/admin/webhooks/1/recoveries"):
        assert client.post(path).status_code == 403


def test_a_recovery_begins_where_the_outage_did(admin: FlaskClient) -> None:
    webhook = make_webhook()
    hours, days = timedelta(hours=3), timedelta(days=3)
    for failing, given_up, begin in ((None, None, 1), (hours, None, 1), (days, None, 3), (hours, days, 3)):
        webhook.failing_since = utcnow() - failing if failing else None
        webhook.given_up_since = utcnow() - given_up if given_up else None
        db.session.commit()
        page = admin.get(f"/admin/webhooks/{webhook.id}/recoveries").text
        shown = [datetime.fromisoformat(at) for at in re.findall(r'data-utc="([^"]+)"', page)]
        for at, ago in zip(shown, (begin, 1), strict=True):
            assert at.second == at.microsecond == 0, "seconds have no room on a phone"
            assert timedelta(0) <= utcnow() - timedelta(days=ago) - at < timedelta(minutes=2)


def test_an_action_whose_filters_cannot_be_read_says_so_and_offers_no_way_on(admin: FlaskClient) -> None:
    action = BulkAction(kind="retry", filters={"state": "failed"}, actor="a", start_id=0, end_id=9, place=0)
    db.session.add(action)
    db.session.commit()
    address = f"/admin/bulk-actions/{action.id}"
    assert not run_batch(action.id)
    for page in (address, "/admin/bulk-actions", "/admin/webhook-deliveries"):
        assert admin.get(page).status_code == 200
    shown = admin.get(address)
    assert "What is stored of them can't be read" in shown.text
    assert "Continue</button>" not in shown.text
