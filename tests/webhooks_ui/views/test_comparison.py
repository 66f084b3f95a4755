"""Two attempts of a delivery compared, on its page."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.both_databases import database_url  # noqa: F401
from tests.support.http import HTMX
from tests.support.log import LOG
from tests.support.log_rows import add_attempt, add_delivery, settle
from webhooks_ui.models import Delivery, utcnow


@pytest.fixture
def delivery() -> Delivery:
    """Make a delivery that failed twice and arrived in the third attempt."""
    delivery, at = settle(add_delivery(), attempts_count=3), {"started_at": utcnow()}
    add_attempt(delivery, response_body=b'{"error":"down","trace":[1,2]}', **at)
    headers = {"webhook-id": delivery.event.public_id, "X-Webhook-Attempt": "2"}
    failed: dict[str, Any] = {"outcome": "timeout", "response_code": None, "response_headers": []}
    add_attempt(delivery, number=2, kept_headers=headers, **failed, **at)
    done = {"outcome": "delivered", "response_code": 200, "response_body": b'{"error":null,"trace":[1,2]}'} | at
    add_attempt(delivery, number=3, address="203.0.113.9:443", kept_headers=headers, **done)
    return delivery


def card(client: FlaskClient, delivery: Delivery, query: str = "") -> str:
    """Return the card that compares, without its tags but with marks for lines that differ."""
    answer = client.get(f"{LOG}/{delivery.id}{query}")
    assert answer.status_code == 200
    found = re.search(r'<section class="card" id="comparison".*?</section>', answer.text, re.DOTALL)
    assert found
    return found[0]


def words(html: str) -> str:
    marked = html.replace("<del>", "<del>-").replace("<ins>", "<ins>+")
    return unescape(re.sub("<[^>]+>", "", marked))


@pytest.mark.usefixtures("app")
def test_the_page_proposes_the_last_failure_and_the_success(admin: FlaskClient, delivery: Delivery) -> None:
    found = card(admin, delivery)
    assert re.findall(r'<option value="(\d)" selected>', found) == ["2", "3"]
    assert "<table" not in found
    pending = settle(add_delivery(), 500, attempts_count=3)
    for number in (1, 2, 3):
        add_attempt(pending, number=number)
    assert re.findall(r'<option value="(\d)" selected>', card(admin, pending)) == ["1", "3"]


@pytest.mark.parametrize("query", ["?compare=1,3", "?compare=3,1", "?compare=1&compare=3"])
def test_it_shows_what_differs(admin: FlaskClient, delivery: Delivery, query: str) -> None:
    found = card(admin, delivery, query)
    text = words(found)
    assert "-Only in attempt 1: X-Webhook-Attempt: 1\n+Only in attempt 3: X-Webhook-Attempt: 2" in text
    assert '-Only in attempt 1:   "error": "down",\n+Only in attempt 3:   "error": null,' in text
    assert "Request body (the same in both)" in text
    assert "Response headers (the same in both)" in text
    assert "500 Internal Server Error" in text
    differing = re.findall(r'<tr data-differs><th scope="row">([^<]+)<', found)
    assert differing == ["Outcome", "Response code", "Address"]


def test_cookies_stay_masked_and_what_others_sent_is_escaped(admin: FlaskClient, delivery: Delivery) -> None:
    add_attempt(
        delivery,
        number=4,
        response_headers=[["Set-Cookie", "session=planted"], ["X", "<img src=x>"]],
        response_body=b"<script>alert(1)</script>\xff",
    )
    found = card(admin, delivery, "?compare=3,4")
    assert "planted" not in found
    assert "session=…" in found
    assert "&lt;img src=x&gt;" in found
    assert "&lt;script&gt;" in found
    assert all("hx-disable" in tag for tag in re.findall(r"<pre[^>]*>", found))


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("?compare=1,7", "There is no attempt 7. These are 2 and 3."),
        ("?compare=1,1,7", "There is no attempt 7. These are 2 and 3."),
        ("?compare=1,9999999999", "There is no attempt 9999999999. These are 2 and 3."),
        ("?compare=2,2", "Choose two different attempts. These are 2 and 3."),
        ("?compare=", "Choose two different attempts."),
        ("?compare=1", "Choose two different attempts."),
        ("?compare=1,2,3", "Choose two different attempts."),
        ("?compare=x,%00", "Choose two different attempts."),
        ("?compare=1," + "9" * 30, "Choose two different attempts."),
    ],
)
def test_wrong_numbers_are_told_and_others_compared(
    admin: FlaskClient, delivery: Delivery, query: str, problem: str
) -> None:
    found = card(admin, delivery, query)
    assert problem in found
    assert 'class="code diff"' in found


def test_an_attempt_that_the_page_does_not_list_can_be_compared(admin: FlaskClient, delivery: Delivery) -> None:
    for number in range(4, 60):
        add_attempt(delivery, number=number)
    assert re.findall(r'<option value="(\d+)" selected>', card(admin, delivery, "?compare=1,59")) == ["1", "59"]
    assert "Attempt 1</th>" in card(admin, delivery, "?compare=1,59")


def test_a_single_attempt_is_not_compared(admin: FlaskClient) -> None:
    delivery = settle(add_delivery())
    add_attempt(delivery)
    answer = admin.get(f"{LOG}/{delivery.id}?compare=1,2")
    assert answer.status_code == 200
    assert 'aria-label="Compare attempts"' not in answer.text


def test_the_comparison_comes_with_the_second_attempt_and_then_stays(admin: FlaskClient, delivery: Delivery) -> None:
    for shown, comes in (("0", True), ("1", True), ("2", False)):  # attempts, on the page that asks
        answer = admin.get(f"{LOG}/{delivery.id}?attempts={shown}", headers=HTMX).text
        assert ('aria-label="Compare attempts"' in answer) == comes, shown


def test_a_long_answer_is_cut_and_says_so(admin: FlaskClient, delivery: Delivery) -> None:
    body = "\n".join(f"line {number}" for number in range(900)).encode()
    add_attempt(delivery, number=4, response_body=body, response_truncated=True)
    add_attempt(delivery, number=5, response_body=body.replace(b"line 3\n", b"line 3!\n"))
    found = words(card(admin, delivery, "?compare=4,5"))
    assert "+Only in attempt 5: line 3!" in found
    assert "393 equal lines" in found
    assert "Only the first 400 lines" in found
    assert "Of a long response only the beginning was kept." in found


def test_attempts_that_started_seconds_apart_are_told_apart(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(), 500, attempts_count=2)
    for number in (1, 2):
        add_attempt(delivery, number=number, started_at=datetime(2026, 11, 23, 10, 0, 3 * number, tzinfo=UTC))
    page = admin.get(f"/admin/webhook-deliveries/{delivery.id}?compare=1,2").text
    row = page.split('<th scope="row">Started</th>')
    assert row[0].rstrip().endswith("<tr data-differs>")
    assert [f"10:00:0{second} UTC</time>" in row[1].split("</tr>")[0] for second in (3, 6)] == [True, True]
    assert row[1].split("</tr>")[0].count('data-local="second"') == 2
