"""What the filters and the search of the delivery log find."""

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from tests.support.factories import make_webhook
from tests.support.log import LOG, shown_ids
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.deliveries.filters import LABELS, PROBLEMS, DeliveryFilters
from webhooks_ui.models import utcnow
from webhooks_ui.parsing import UNREADABLE


def next_cursor(page: str) -> str:
    """Return the cursor in the link to the next page."""
    found = re.search(r'id="deliveries-next" href="[^"]*cursor=([^"&]+)"', page)
    assert found
    return found[1]


def test_filters_can_be_cleared_wherever_some_are_chosen(admin: FlaskClient) -> None:
    failed = settle(add_delivery(), 500)
    assert "Clear filters" not in admin.get(LOG).text
    for query in ({"status": "failed"}, {"webhook": failed.webhook_id}, {"status": "delivered"}):
        page = admin.get(LOG, query_string=query).text
        assert page.count("Clear filters") == 1
        assert "Clear filters" in page.partition('class="chips saved-filters"')[2]  # on the line of "Save filter"
    assert "Clear filters" not in admin.get(LOG, query_string={"environment": "production"}).text


@pytest.mark.parametrize(
    ("times", "seen", "counts"),
    [
        (["7d", "2026-01-01T10:00"], "", "2026-01-01T10:00"),
        (["7d", "2026-01-01T10:00"], "2026-01-01T10:00", "7d"),
        (["", "2026-01-01T10:00"], "2026-01-01T10:00", "2026-01-01T10:00"),
        (["7d", ""], "2026-01-01T10:00", "7d"),
    ],
)
def test_of_two_times_the_one_that_was_changed_counts(times: list[str], seen: str, counts: str) -> None:
    args = MultiDict([*(("since", time) for time in times), ("seen", seen)])
    assert DeliveryFilters.parse(args).since == counts


@pytest.mark.parametrize(
    ("text", "finds"), [("billing", "billing"), ("ORDERS.example", "orders"), ("%", None), ("_", None)]
)
def test_a_search_finds_webhooks_by_name_and_url(admin: FlaskClient, text: str, finds: str | None) -> None:
    deliveries = {
        "billing": add_delivery(make_webhook(name="Billing", url="https://b.example.com/")),
        "orders": add_delivery(make_webhook(name="Shop", url="https://orders.example.com/")),
    }
    assert shown_ids(admin, q=text) == ([deliveries[finds].id] if finds else [])


def test_unfinished_means_pending_or_retrying(admin: FlaskClient) -> None:
    pending, retrying = add_delivery(), settle(add_delivery(), 503, status="pending")
    settle(add_delivery())
    settle(add_delivery(), 500)
    assert shown_ids(admin, status="unfinished") == [retrying.id, pending.id]
    assert shown_ids(admin, status="pending") == [pending.id]
    assert shown_ids(admin, status="retrying") == [retrying.id]


def test_a_search_finds_event_types_event_ids_and_delivery_ids(admin: FlaskClient) -> None:
    license = add_delivery(make_webhook(name="A"))
    product = add_delivery(make_webhook(name="B", event_types=["product.created"]))
    assert shown_ids(admin, q="Product.") == [product.id]
    assert shown_ids(admin, q=license.event.public_id) == [license.id]
    assert shown_ids(admin, q=license.event.public_id[:-1]) == [license.id]
    assert shown_ids(admin, q=str(product.id)) == [product.id]


def test_a_search_finds_the_types_of_a_group(admin: FlaskClient) -> None:
    license = add_delivery(make_webhook(name="A"))
    product = add_delivery(make_webhook(name="B", event_types=["product.created"]))
    disabled = add_delivery(make_webhook(name="C", event_types=["webhook.disabled"]))
    assert shown_ids(admin, q="License.*") == [license.id]
    assert shown_ids(admin, q="product.*") == [product.id]
    assert shown_ids(admin, q="operational.*") == [disabled.id]
    assert shown_ids(admin, q="contract.*") == shown_ids(admin, q="*") == []


def test_a_search_that_finds_very_many_webhooks_still_finds_all_their_deliveries(admin: FlaskClient) -> None:
    wanted = [add_delivery(make_webhook(name=f"Many {number}")).id for number in range(3)]
    for number in range(50):
        make_webhook(name=f"Many {number}", event_types=["product.created"])
    add_delivery(make_webhook(name="Other"))
    assert shown_ids(admin, q="many") == wanted[::-1]


def test_filters_narrow_the_log(admin: FlaskClient) -> None:
    staging = add_delivery(make_webhook(environment="staging", event_types=["product.created"]))
    failed = settle(add_delivery(), 503)
    waiting = add_delivery()
    retrying = settle(add_delivery(), 500, status="pending", due_at=utcnow() + timedelta(hours=1))
    done = settle(add_delivery())
    cancelled = settle(add_delivery(), 404, status="cancelled")
    assert shown_ids(admin, category="product") == [staging.id]
    assert shown_ids(admin, environment="staging") == [staging.id]
    assert shown_ids(admin, status="failed") == [failed.id]
    assert shown_ids(admin, status="pending", environment="production") == [waiting.id]
    assert shown_ids(admin, status="retrying") == [retrying.id]
    assert shown_ids(admin, status="delivered") == [done.id]
    assert shown_ids(admin, status="cancelled") == [cancelled.id]
    assert shown_ids(admin, code="503") == [failed.id]
    assert shown_ids(admin, code="5xx") == [retrying.id, failed.id]
    assert shown_ids(admin, code="2XX") == [done.id]
    assert shown_ids(admin, webhook=failed.webhook_id) == [failed.id]
    assert shown_ids(admin, status="failed", code="500") == []
    assert shown_ids(admin, q="orders", status="failed", environment="production", category="license") == [failed.id]


def test_a_time_range_narrows_the_log(admin: FlaskClient) -> None:
    now = utcnow()
    ages = [timedelta(days=40), timedelta(days=3), timedelta(hours=5), timedelta(minutes=1)]
    old, days, hours, fresh = (add_delivery(created_at=now - age).id for age in ages)
    assert shown_ids(admin, since="1h") == [fresh]
    assert shown_ids(admin, since="24h") == [fresh, hours]
    assert shown_ids(admin, since="30d") == [fresh, hours, days]
    assert shown_ids(admin, until=(now - timedelta(days=2)).isoformat()) == [days, old]
    assert shown_ids(admin, until=f"{now - timedelta(days=3):%Y-%m-%d}") == [days, old]
    assert shown_ids(admin, since=f"{now - timedelta(days=4):%Y-%m-%dT%H:%M}", until="1h") == [hours, days]


@pytest.mark.parametrize(
    "value", ["nonsense", "'", "99999999999999999999", "-1", "2026-99-99", "9999-12-31T23:59:59-23:59", "\x00"]
)
def test_the_log_leaves_out_a_filter_that_is_not_understood(admin: FlaskClient, value: str) -> None:
    delivery = add_delivery()
    for name in ("category", "status", "code", "environment", "webhook", "sort", "cursor"):
        assert shown_ids(admin, **{name: value}) == [delivery.id]
    for name in ("q", "since", "until"):
        shown_ids(admin, **{name: value})


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "q"])
def test_the_log_says_which_filter_is_not_understood_and_how_to_write_it(admin: FlaskClient, name: str) -> None:
    delivery = add_delivery()
    page = admin.get(LOG, query_string={name: "50x"}).text
    assert f'id="delivery-{delivery.id}"' in page
    note = html.unescape(page.split('id="wrong-filters"')[1].split("</p>")[0])
    assert f"{LABELS[name]} “50x”" in note
    assert PROBLEMS[name] in note
    assert "list-actions" not in page, "an action would cover more than was asked for"
    assert 'name="query"' not in page, "nor can it be saved"
    assert "Clear filters" in page


def test_the_log_offers_classes_of_codes_and_usual_codes(admin: FlaskClient) -> None:
    limited, broken = settle(add_delivery(), 429), settle(add_delivery(), 400)
    offered = admin.get(LOG).text.split('id="code-classes">')[1].split("</datalist>")[0]
    assert re.findall('value="(\\w+)"', offered)[:6] == ["2xx", "3xx", "4xx", "5xx", "401", "403"]
    assert "429" in offered
    assert shown_ids(admin, code="429") == [limited.id]
    assert shown_ids(admin, code="4xx") == [broken.id, limited.id]


@pytest.mark.parametrize("code", [100, 600, 999])
def test_the_log_finds_each_code_that_an_endpoint_may_answer(admin: FlaskClient, code: int) -> None:
    odd = settle(add_delivery(), code)
    settle(add_delivery(), 500)
    assert shown_ids(admin, code=str(code)) == [odd.id]


def test_each_filter_that_is_not_understood_has_a_line(admin: FlaskClient) -> None:
    add_delivery()
    note = admin.get(f"{LOG}?code=50x&since=soon").text.split('id="wrong-filters"')[1].split("</p>")[0]
    first, second, rest = note.split("<br>")
    assert "“50x”" in first
    assert "“soon”" in second
    assert rest.strip().startswith("The list leaves them out.")


@pytest.mark.parametrize("name", ["code", "since", "until"])
def test_a_typed_filter_says_so_beside_its_field(admin: FlaskClient, name: str) -> None:
    add_delivery()
    page = admin.get(LOG, query_string={name: "abc"}).text
    field = page.split(f'aria-describedby="filter-{name}-problem"')[1]
    assert field.startswith(' aria-invalid="true"')
    assert PROBLEMS[name] in field.split("</div>")[0]
    assert '<details class="more-filters" open>' in page


def test_a_fragment_says_beside_the_field_what_is_wrong_and_takes_it_back(admin: FlaskClient) -> None:
    add_delivery()
    asked = {"HX-Request": "true", "HX-Trigger": "delivery-filters"}
    answer = admin.get(LOG, query_string={"code": "50x", "status": ""}, headers=asked)
    slot = '<div id="filter-code-problem" hx-swap-oob="true">'
    assert PROBLEMS["code"] in answer.text.split(slot)[1].split("</div>")[0]
    assert answer.headers["HX-Replace-Url"] == f"{LOG}?code=50x"
    assert f"{slot}</div>" in admin.get(LOG, query_string={"code": "500"}, headers=asked).text


@pytest.mark.parametrize(
    ("since", "until", "is_said"),
    [("2026-11-28", "2026-11-27", True), ("1h", "24h", True), ("2026-11-28", "2026-11-28", False), ("1h", "", False)],
)
def test_a_time_range_that_ends_before_it_begins_is_told(
    admin: FlaskClient, since: str, until: str, is_said: bool
) -> None:
    page = admin.get(LOG, query_string={"since": since, "until": until}).text
    assert ("The time range ends before it begins." in page) is is_said


def test_what_was_not_understood_goes_when_the_filter_is_given_anew() -> None:
    filters = DeliveryFilters.parse({"code": "50x", "status": "failed", "webhook": "\0"})
    assert filters.wrong == {"code": "50x", "webhook": UNREADABLE}
    assert filters.args == {"status": "failed"}
    assert filters.sent == {"status": "failed", "code": "50x", "webhook": UNREADABLE}
    assert filters.with_(code="500").wrong == {"webhook": UNREADABLE}
    assert DeliveryFilters.parse({"sort": "nonsense", "code": " ", "q": ""}).wrong == {}


def test_a_search_that_reads_too_many_rows_stops_and_can_be_continued(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks_ui.deliveries.walk.SCANNED_ROWS", 30)
    product = add_delivery(make_webhook(event_types=["product.created"]))
    webhook = make_webhook()
    for _ in range(35):
        add_delivery(webhook)
    page = admin.get(LOG, query_string={"category": "product"}).text
    assert "Nothing found so far" in page
    assert "Searched back to" in page
    assert 'hx-trigger="load' in page
    assert shown_ids(admin, category="product", cursor=next_cursor(page)) == [product.id]


def test_a_search_that_finds_many_webhooks_reads_a_limited_number_of_rows_at_a_time(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks_ui.deliveries.search.WEBHOOK_SOURCES_MAX", 1)
    monkeypatch.setattr("webhooks_ui.deliveries.walk.JOINED_ROWS", 30)
    found = [add_delivery(make_webhook(name=f"Customer {number}")) for number in range(2)]
    webhook = make_webhook()
    for _ in range(35):
        add_delivery(webhook)
    page = admin.get(LOG, query_string={"q": "customer"}).text
    assert "Nothing found so far" in page
    assert shown_ids(admin, q="customer", cursor=next_cursor(page)) == [found[1].id, found[0].id]


def test_if_the_environment_hides_all_deliveries_the_page_links_to_the_others(admin: FlaskClient) -> None:
    delivery = add_delivery()
    admin.post("/environment", data={"environment": "staging"})
    page = admin.get(LOG).text
    assert "No deliveries match in Staging" in page
    assert "Clear filters" not in page
    assert "Search all environments" in page
    assert shown_ids(admin, environment="") == [delivery.id]


def test_a_log_that_finds_nothing_says_that_it_may_have_been_purged(admin: FlaskClient) -> None:
    page = admin.get(f"{LOG}?status=failed&since=7d").text
    assert "They may also have been purged, because deliveries are kept for 30 days." in page
    assert "purged" not in admin.get(LOG).text


def test_deliveries_of_a_deleted_webhook_are_found_by_its_name(admin: FlaskClient) -> None:
    delivery = add_delivery(make_webhook(name="Gone", active=False, deleted_at=utcnow()))
    add_delivery()
    assert shown_ids(admin, q="gone") == [delivery.id]
