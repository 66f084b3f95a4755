"""The delivery log, and the page of one delivery."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from markupsafe import Markup
from sqlalchemy import event

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.support.log import LOG, shown_ids
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.database import db
from webhooks_ui.models import Delivery, utcnow

SignIn = Callable[[str], FlaskClient]


def cursor_of(name: str, page: str) -> str:
    """Return the cursor in the link to the next or the previous page."""
    found = re.search(rf'id="deliveries-{name}" href="[^"]*cursor=([^"&]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_the_log(sign_in: SignIn, role: str) -> None:
    delivery = add_delivery()
    client = sign_in(role)
    assert client.get(LOG).status_code == 403
    assert client.get(f"{LOG}/{delivery.id}").status_code == 403
    assert client.post(f"{LOG}/{delivery.id}/retries").status_code == 403


def test_the_newest_delivery_is_at_the_top_with_its_facts(admin: FlaskClient) -> None:
    first = settle(add_delivery(make_webhook(name="Billing")), 503)
    second = add_delivery(make_webhook(name="Orders"))
    page = admin.get(LOG).text
    assert shown_ids(admin) == [second.id, first.id]
    for text in ("Billing", "license.activated", first.event.public_id, "503", "12 ms", "Failed", "1 of 5 attempts"):
        assert text in page


def test_an_empty_log_and_a_search_that_finds_nothing_say_different_things(admin: FlaskClient) -> None:
    assert "No deliveries yet" in admin.get(LOG).text
    add_delivery()
    nothing = admin.get(LOG, query_string={"q": "nowhere"}).text
    assert "No deliveries match" in nothing
    assert "Clear filters" in nothing


def test_a_delivery_without_an_attempt_promises_one_only_if_it_comes(admin: FlaskClient) -> None:
    pending, cancelled = add_delivery(), add_delivery(status="cancelled", due_at=None)
    assert "The first attempt starts in a moment." in admin.get(f"{LOG}/{pending.id}").text
    page = admin.get(f"{LOG}/{cancelled.id}").text
    assert "The first attempt starts" not in page
    assert "The delivery was cancelled before the first one." in page


def test_a_test_is_told_from_an_event(admin: FlaskClient) -> None:
    add_delivery(trigger="test")
    assert '<span class="pill">Test</span>' in admin.get(LOG).text


def test_htmx_gets_the_list_alone_and_the_address_without_empty_filters(admin: FlaskClient) -> None:
    add_delivery()
    answer = admin.get(
        LOG, query_string={"q": "", "status": "pending"}, headers=HTMX | {"HX-Trigger": "delivery-filters"}
    )
    assert answer.text.lstrip().startswith('<div id="deliveries" ')
    assert answer.headers["HX-Replace-Url"] == f"{LOG}?status=pending"
    assert "HX-Request" in answer.headers["Vary"]


def test_a_form_without_javascript_is_led_to_the_address_with_one_time(admin: FlaskClient) -> None:
    times = {"since": ["7d", "2026-01-01T10:00"], "status": ""}
    answer = admin.get(LOG, query_string=times)
    assert (answer.status_code, unquote(answer.headers["Location"])) == (303, f"{LOG}?since=2026-01-01T10:00")
    assert admin.get(LOG, query_string=times, headers=HTMX).status_code == 200


def test_pages_stay_as_they_are_while_deliveries_arrive(admin: FlaskClient) -> None:
    webhook = make_webhook()
    ids = [add_delivery(webhook).id for _ in range(60)][::-1]
    first = admin.get(LOG).text
    add_delivery(webhook)
    older = cursor_of("next", first)
    assert shown_ids(admin, cursor=older) == ids[25:50]
    second = admin.get(LOG, query_string={"cursor": older}).text
    oldest = cursor_of("next", second)
    assert shown_ids(admin, cursor=oldest) == ids[50:]
    last = admin.get(LOG, query_string={"cursor": oldest}).text
    newer = cursor_of("previous", last)
    assert shown_ids(admin, cursor=newer) == ids[25:50]
    assert 'id="deliveries-next"' not in last
    above = admin.get(LOG, query_string={"cursor": cursor_of("previous", second)}).text
    top = cursor_of("previous", above)
    assert shown_ids(admin, cursor=top)[1:] == ids[:24], "a page that isn't full is the first one instead"
    assert 'id="deliveries-previous"' not in admin.get(LOG, query_string={"cursor": top}).text


def test_the_log_sorts_by_time_status_and_code(admin: FlaskClient) -> None:
    done, failed, gone = settle(add_delivery()), settle(add_delivery(), 500), settle(add_delivery(), 410)
    waiting = add_delivery()
    assert shown_ids(admin, sort="time") == [done.id, failed.id, gone.id, waiting.id]
    assert shown_ids(admin, sort="status") == [gone.id, failed.id, waiting.id, done.id]
    assert shown_ids(admin, sort="-status") == [done.id, waiting.id, gone.id, failed.id]
    assert shown_ids(admin, sort="code") == [waiting.id, done.id, gone.id, failed.id]
    assert shown_ids(admin, sort="-code") == [failed.id, gone.id, done.id, waiting.id]


def test_pages_of_a_sorted_log_follow_each_other(admin: FlaskClient) -> None:
    webhook = make_webhook()
    ids = [settle(add_delivery(webhook), 200 if number % 2 else 500).id for number in range(60)]
    expected = sorted(ids, key=lambda id: (id % 2 != ids[0] % 2, -id))
    seen, cursor = [], ""
    for _ in range(3):
        page = admin.get(LOG, query_string={"sort": "status", "cursor": cursor}).text
        seen += [int(number) for number in re.findall(r'<tr id="delivery-(\d+)"', page)]
        found = re.search(r'id="deliveries-next" href="[^"]*cursor=([^"&]+)"', page)
        cursor = found[1] if found else ""
    assert seen == expected
    assert cursor == ""


@pytest.mark.parametrize(
    ("sort", "cursor"), [("status", "after-1"), ("-time", "status-1-25"), ("code", "-code-1-25"), ("time", "x")]
)
def test_a_page_that_this_order_does_not_have_is_the_first_one_and_says_so(
    admin: FlaskClient, sort: str, cursor: str
) -> None:
    newest = [add_delivery().id for _ in range(2)][-1]
    page = admin.get(LOG, query_string={"sort": sort, "cursor": cursor}).text
    assert f'id="delivery-{newest}"' in page
    assert "This is the first page." in page
    assert "This is the first page." not in admin.get(LOG, query_string={"sort": sort}).text


def test_a_row_without_a_response_code_says_why(admin: FlaskClient) -> None:
    settle(add_delivery(), 500, response_code=None, outcome="refused", status="failed")
    assert '<span class="number">Refused</span>' in admin.get(LOG).text


def test_new_deliveries_are_offered_and_counted_under_the_same_filters(admin: FlaskClient) -> None:
    seen = add_delivery()
    add_delivery(make_webhook(event_types=["product.created"]))
    add_delivery(seen.webhook)
    assert "Show 2 new deliveries" in admin.get(f"{LOG}/newer?than={seen.id}").text
    assert "Show 1 new delivery" in admin.get(f"{LOG}/newer?than={seen.id}&category=product").text
    assert "show" not in admin.get(f"{LOG}/newer?than={seen.id}&status=failed").text


def test_only_what_is_unfinished_polls(admin: FlaskClient) -> None:
    waiting, done = add_delivery(), settle(add_delivery())
    page = admin.get(LOG).text
    assert f'name="mark" value="{waiting.id}-pending-0-0"' in page
    assert f'name="mark" value="{done.id}' not in page
    assert 'hx-trigger="every' in admin.get(f"{LOG}/{waiting.id}", headers=HTMX).text
    assert 'hx-trigger="every' not in admin.get(f"{LOG}/{done.id}", headers=HTMX).text


def test_of_what_is_unfinished_only_the_rows_that_changed_come_anew(admin: FlaskClient) -> None:
    first, second = add_delivery(), add_delivery()
    poll = f"{LOG}/unfinished?mark={first.id}-pending-0-0&mark={second.id}-pending-0-0"
    assert "<tr" not in admin.get(poll).text
    settle(first)
    answer = admin.get(poll).text
    assert f'<tr id="delivery-{first.id}"' in answer
    assert f'<tr id="delivery-{second.id}"' not in answer
    assert 'hx-trigger="every' in answer
    assert 'name="mark"' not in answer


def test_a_retry_in_a_row_of_a_finished_log_begins_the_polling(admin: FlaskClient) -> None:
    failed = settle(add_delivery(), 500, status="failed")
    assert 'id="unfinished"></div>' in admin.get(LOG).text
    answer = admin.post(f"{LOG}/{failed.id}/retries", headers=HTMX | {"HX-Target": f"delivery-{failed.id}"}).text
    assert 'id="unfinished" hx-swap-oob="true" hx-get="/admin/webhook-deliveries/unfinished"' in answer
    assert f'name="mark" value="{failed.id}-' in answer


def test_a_row_that_changed_comes_once_for_two_marks_of_it(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    answer = admin.get(f"{LOG}/unfinished?mark={delivery.id}-pending-0-0&mark={delivery.id}-pending-1-0").text
    assert answer.count(f'<tr id="delivery-{delivery.id}"') == 1


@pytest.mark.parametrize("query", ["", "?mark=", "?mark=x-y", "?mark=99999999999999999999", "?mark=7-pending-0-0"])
def test_marks_of_nothing_end_the_polling(admin: FlaskClient, query: str) -> None:
    answer = admin.get(f"{LOG}/unfinished{query}")
    assert (answer.status_code, answer.text.strip()) == (200, '<div id="unfinished"></div>')


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"active": False}, "Pending (webhook inactive)"),
        ({"breaker_opened_at": utcnow(), "probe_at": utcnow() + timedelta(minutes=5)}, "Pending (webhook failing)"),
    ],
)
def test_what_waits_for_its_webhook_says_so_and_is_asked_for_seldom(
    admin: FlaskClient, state: dict[str, object], words: str
) -> None:
    delivery = add_delivery()
    for name, value in state.items():
        setattr(delivery.webhook, name, value)
    db.session.commit()
    page = admin.get(LOG).text
    assert words in Markup(page).striptags()
    assert 'hx-trigger="every 30s"' in page
    assert "waits" in admin.get(f"{LOG}/{delivery.id}").text


def test_a_delivery_that_waits_for_its_webhook_says_so(admin: FlaskClient) -> None:
    delivery = add_delivery()
    delivery.webhook.active = False
    db.session.commit()
    assert "Pending (webhook inactive)" in Markup(admin.get(LOG).text).striptags()
    assert "The webhook is inactive, so this delivery waits." in admin.get(f"{LOG}/{delivery.id}").text


def test_what_is_retried_by_hand_still_waits_for_an_earlier_delivery_and_says_so(admin: FlaskClient) -> None:
    webhook = make_webhook(in_order=True)
    earlier = add_delivery(webhook, in_order=True)
    later = add_delivery(webhook, in_order=True, forced=True)
    page = Markup(admin.get(f"{LOG}/{later.id}").text).striptags()
    assert "The webhook keeps the order, so this delivery waits for an earlier one." in page
    assert "starts in a moment" not in page
    settle(earlier)
    assert "starts in a moment" in admin.get(f"{LOG}/{later.id}").text


def test_what_is_due_waits_for_the_rate_limit_and_a_later_retry_for_its_time(admin: FlaskClient) -> None:
    webhook = make_webhook(paced_until=utcnow() + timedelta(hours=1))
    due = add_delivery(webhook)
    later = add_delivery(webhook, attempts_count=1, due_at=utcnow() + timedelta(hours=2))
    for delivery, waits in ((due, True), (later, False)):
        page = admin.get(LOG).text.partition(f'<tr id="delivery-{delivery.id}"')[2].partition("</tr>")[0]
        assert ("waits for the rate limit" in page) == waits


def test_the_body_is_not_said_to_be_the_same_if_an_attempt_sent_another(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    assert "the same in every attempt" in admin.get(f"{LOG}/{delivery.id}").text
    add_attempt(delivery, request_body=b'{"text":"before the format was changed"}')
    assert "Each attempt shows what it sent" in admin.get(f"{LOG}/{delivery.id}").text


def test_a_delivery_shows_each_attempt_with_request_and_response(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500, attempts_count=2)
    add_attempt(delivery)
    add_attempt(delivery, number=2, outcome="refused", response_code=None, response_headers=[], response_body=None)
    page = admin.get(f"{LOG}/{delivery.id}").text
    for text in (
        "Attempt 1",
        "Attempt 2",
        "webhook-id: ",
        "Set-Cookie: a=…\nSet-Cookie: b=…",
        "203.0.113.7:443",
        "TLSv1.3",
        "500 Internal Server Error",
        "nothing is listening on that port",
        "Check that the endpoint&#39;s server is running",
        "curl -X POST https://example.com/webhooks",
    ):
        assert text in page


def test_what_others_sent_is_escaped_and_out_of_reach_of_htmx(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500)
    delivery.event.body = b'{"x":"<script>alert(1)</script>"}'
    db.session.commit()
    add_attempt(delivery, response_body=b'\xff<img src=x onerror=alert(1) hx-get="/logout">')
    page = admin.get(f"{LOG}/{delivery.id}").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\ufffd&lt;img" in page
    assert all("hx-disable" in tag for tag in re.findall(r"<pre[^>]*>", page))


def test_the_body_downloads_byte_for_byte(admin: FlaskClient) -> None:
    delivery = add_delivery()
    answer = admin.get(f"{LOG}/{delivery.id}/body")
    assert answer.data == delivery.event.body
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("path", ["1", "0", "9223372036854775808", "99999999999999999999999", "x", "1/row", "1/body"])
def test_an_unknown_delivery_is_a_404(admin: FlaskClient, path: str) -> None:
    assert admin.get(f"{LOG}/{path}").status_code == 404


def test_the_list_asks_the_database_for_no_payload(admin: FlaskClient) -> None:
    add_delivery()
    statements = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    admin.get(LOG)
    assert statements
    assert not any("events.body" in statement or "events_1.body" in statement for statement in statements)
    assert db.session.scalar(db.select(db.func.count(Delivery.id))) == 1


def test_the_current_environment_holds_until_another_is_asked_for(admin: FlaskClient) -> None:
    here, there = add_delivery(), add_delivery(make_webhook(environment="staging"))
    admin.post("/environment", data={"environment": "staging"})
    assert shown_ids(admin) == [there.id]
    assert shown_ids(admin, environment="production") == [here.id]
    assert shown_ids(admin, webhook=here.webhook_id) == [here.id]
    page = admin.get(LOG, query_string={"environment": ""}).text
    assert [int(id) for id in re.findall(r'<tr id="delivery-(\d+)"', page)] == [there.id, here.id]
    assert f'href="{LOG}?sort=time&amp;environment="' in page


def test_every_page_names_an_outcome_alike(admin: FlaskClient) -> None:
    webhook = make_webhook()
    delivery = settle(add_delivery(webhook), 500, response_code=None, outcome="dns_failed", attempts_count=2)
    for number in (1, 2):
        add_attempt(delivery, number=number, outcome="dns_failed", response_code=None)
    test = f"/admin/webhooks/{webhook.id}/test/{delivery.id}"
    pages = [LOG, f"{LOG}?print=1", f"{LOG}/{delivery.id}", f"/admin/events/{delivery.event_id}"]
    for address in (*pages, f"/admin/webhooks/{webhook.id}", test):
        page = admin.get(address, follow_redirects=True).text
        assert "DNS failed" in page, address
        assert "Dns failed" not in page, address


def test_the_page_of_an_event_has_the_code_of_each_answer(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 204)
    page = admin.get(f"/admin/events/{delivery.event_id}").text
    assert '<td data-label="Response">204</td>' in page
