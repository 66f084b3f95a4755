"""The list of webhooks."""

import re
from datetime import timedelta
from html import unescape
from typing import Any, Literal
from unicodedata import normalize

import pytest
from flask.testing import FlaskClient

from tests.support.attempts import count_attempts
from tests.support.factories import make_unreadable_webhook, make_webhook
from tests.support.http import HTMX
from webhooks_ui.database import db
from webhooks_ui.models import utcnow
from webhooks_ui.parsing import UNREADABLE
from webhooks_ui.webhooks.destination import destination
from webhooks_ui.webhooks.filters import PROBLEMS, WebhookFilters

Form = Literal["NFC", "NFD"]

PAGE_SIZE = 25


def names(page: str) -> list[str]:
    return re.findall(r"data-row-link [^>]*><bdi>(.*?)</bdi>", page)


def make_many(count: int) -> None:
    for number in range(count):
        make_webhook(name=f"Hook {number:03}", created_at=utcnow() - timedelta(minutes=number))


def test_a_row_says_all_about_its_webhook(admin: FlaskClient) -> None:
    make_webhook(name="Billing", url="https://a.example/in", event_types=["license.created", "contract.deleted"])
    page = admin.get("/admin/webhooks").text
    for text in (
        "Billing",
        "https://a.example/in",
        "2 events",
        "<li><code>license.created</code></li><li><code>contract.deleted</code></li>",
        "Production",
    ):
        assert text in page, text
    assert 'data-status="active"' in page


@pytest.mark.parametrize(
    ("q", "found"), [("bill", ["Billing"]), ("EXAMPLE.ORG", ["Other"]), ("ÜBER", ["Über"]), ("%", []), ("_", [])]
)
def test_search_looks_at_name_and_url(admin: FlaskClient, q: str, found: list[str]) -> None:
    make_webhook(name="Billing", url="https://a.example/in")
    make_webhook(name="Other", url="https://b.example.org/in")
    make_webhook(name="Über", url="https://c.example/in")
    assert names(admin.get("/admin/webhooks", query_string={"q": q}).text) == found


def test_filters_narrow_by_environment_status_and_health(admin: FlaskClient) -> None:
    make_webhook(name="On")
    make_webhook(name="Off", active=False)
    make_webhook(name="Staged", environment="staging")
    make_webhook(name="Sick", breaker_opened_at=utcnow())
    make_webhook(name="Dead", active=False, disabled_at=utcnow(), disabled_reason="410")
    make_unreadable_webhook(name="Lost", unreadable_at=utcnow())
    make_webhook(name="Slowed", throttled_until=utcnow() + timedelta(minutes=5))
    count_attempts(make_webhook(name="Well").id, succeeded=True)
    count_attempts(make_webhook(name="None arrives").id, succeeded=False)
    for filter, found in (
        ("status=active", ["None arrives", "Well", "Slowed", "Lost", "Sick", "On"]),
        ("status=inactive", ["Dead", "Off"]),
        ("health=healthy", ["Well"]),
        ("health=failing", ["None arrives", "Sick"]),
        ("health=throttled", ["Slowed"]),
        ("health=disabled", ["Dead"]),
        ("health=secret_lost", ["Lost"]),
        ("health=no_deliveries", ["On"]),
        ("status=active&health=disabled", []),
        ("status=failing", ["None arrives", "Sick"]),  # the next three: old addresses
        ("status=disabled&health=", ["Dead"]),
        ("status=disabled&health=throttled", ["Slowed"]),
    ):
        assert names(admin.get(f"/admin/webhooks?{filter}&environment=production").text) == found, filter
        assert names(admin.get(f"/admin/webhooks?{filter}&environment=production&q=example").text) == found, filter
    assert names(admin.get("/admin/webhooks?environment=staging").text) == ["Staged"]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_list_says_which_filter_is_not_understood_and_leaves_it_out(admin: FlaskClient, name: str) -> None:
    make_many(PAGE_SIZE + 1)
    answer = admin.get("/admin/webhooks", query_string={name: "<b>mars", "q": "Hook"})
    note = unescape(answer.text.split('id="wrong-filters"')[1].split("</p>")[0])
    assert f"{name.capitalize()} “<b>mars”</b>: {PROBLEMS[name]} The list leaves it out." in unescape(note)
    assert "<b>mars" not in answer.text
    assert len(names(answer.text)) == PAGE_SIZE
    assert 'name="query"' not in answer.text, "it can't be saved"
    following = re.search(r'id="webhooks-next" href="([^"]+)"', answer.text)
    assert following
    assert 'id="wrong-filters"' in admin.get(unescape(following[1])).text, "the next page says so, too"
    fragment = admin.get("/admin/webhooks", query_string={name: "mars"}, headers=HTMX).text
    assert "mars" in fragment.split('<div id="status"')[1].split("</div>")[0], "screen readers hear it"
    assert "more than was asked for" in admin.get("/admin/webhooks", query_string={name: "mars", "print": "1"}).text
    assert 'id="wrong-filters"' not in admin.get("/admin/webhooks", query_string={name: " "}).text


def test_what_was_not_understood_goes_when_the_filter_is_given_anew() -> None:
    filters = WebhookFilters.parse({"environment": "mars", "status": "disabled", "health": "\0"})
    assert filters.wrong == {"environment": "mars", "health": UNREADABLE}
    assert filters.args == {}
    assert filters.with_(environment="staging").wrong == {"health": UNREADABLE}


def test_the_newest_come_first_and_the_columns_sort(admin: FlaskClient) -> None:
    make_webhook(name="beta", created_at=utcnow() - timedelta(days=1))
    make_webhook(name="Alpha", created_at=utcnow() - timedelta(days=2))
    make_webhook(name="gamma")
    assert names(admin.get("/admin/webhooks").text) == ["gamma", "beta", "Alpha"]
    assert names(admin.get("/admin/webhooks?sort=created_at").text) == ["Alpha", "beta", "gamma"]
    assert names(admin.get("/admin/webhooks?sort=name").text) == ["Alpha", "beta", "gamma"]
    assert names(admin.get("/admin/webhooks?sort=-name").text) == ["gamma", "beta", "Alpha"]


def test_pages_have_25_rows_and_keep_the_filters(admin: FlaskClient) -> None:
    make_many(PAGE_SIZE + 2)
    first = admin.get("/admin/webhooks?q=hook&sort=name").text
    assert len(names(first)) == PAGE_SIZE
    assert 'href="/admin/webhooks?q=hook&amp;sort=name&amp;size=25&amp;page=2"' in first
    assert names(admin.get("/admin/webhooks?q=hook&sort=name&page=2").text) == ["Hook 025", "Hook 026"]


@pytest.mark.parametrize(
    "query", ["page=9999", "page=99999999999999999999999", "page=2"], ids=["large", "huge", "the last"]
)
def test_a_page_past_the_end_is_the_last_one(admin: FlaskClient, query: str) -> None:
    make_many(PAGE_SIZE + 1)
    assert names(admin.get(f"/admin/webhooks?{query}").text) == [f"Hook {PAGE_SIZE:03}"]


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=abc",
        "page=",
        "page=²",
        "sort=secret",
        "status=on+fire",
        "health=ill",
        "environment=moon",
        "q=%00",
    ],
)
def test_values_that_make_no_sense_count_as_not_given(admin: FlaskClient, query: str) -> None:
    make_webhook(name="Orders")
    assert names(admin.get(f"/admin/webhooks?{query}").text) == ["Orders"]


@pytest.mark.parametrize("q", ["%ff", "%ed%a0%80", "x" * 10_000, "%f0%9f%98%80", "%27%22%3Cb%3E", "%5C"])
def test_any_search_text_gets_a_page(admin: FlaskClient, q: str) -> None:
    answer = admin.get(f"/admin/webhooks?q={q}")
    assert answer.status_code == 200
    assert "Clear filters" in answer.text
    assert "<b>" not in answer.text.partition("<main")[2]


def test_without_webhooks_the_page_offers_to_create_one(admin: FlaskClient) -> None:
    page = admin.get("/admin/webhooks").text
    assert "No webhooks found" in page
    assert "Clear filters" not in page


def test_a_filter_that_finds_nothing_offers_to_clear_it(admin: FlaskClient) -> None:
    make_webhook()
    page = admin.get("/admin/webhooks?q=nothing").text
    assert "Clear filters" in page
    assert "No webhooks found" not in page


def test_deleted_webhooks_are_not_shown(admin: FlaskClient) -> None:
    make_webhook(deleted_at=utcnow())
    assert "No webhooks found" in admin.get("/admin/webhooks").text


def test_htmx_gets_the_list_alone_with_its_count(admin: FlaskClient) -> None:
    make_webhook()
    answer = admin.get("/admin/webhooks?q=&environment=&status=", headers=HTMX | {"HX-Trigger": "webhook-filters"})
    assert answer.text.strip().startswith('<div id="webhooks"')
    assert "1 webhook</span>" in answer.text
    assert answer.headers["HX-Replace-Url"] == "/admin/webhooks"
    assert {"HX-Request", "HX-History-Restore-Request"} <= set(answer.vary)


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_a_boosted_or_restored_page_is_whole(admin: FlaskClient, header: str) -> None:
    assert "<html" in admin.get("/admin/webhooks", headers=HTMX | {header: "true"}).text


def test_markup_in_a_name_is_text(admin: FlaskClient) -> None:
    make_webhook(name="<img src=x onerror=alert(1)> \" ' & 😀 ‮abc")
    page = admin.get("/admin/webhooks").text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_row_says_why_and_since_when_its_webhook_gets_nothing(admin: FlaskClient) -> None:
    now = utcnow()
    make_webhook(name="Sick", breaker_opened_at=now, probe_at=now + timedelta(minutes=5, seconds=30))
    since = (now - timedelta(hours=3)).isoformat()
    cause = {"outcome": "bad_status", "code": 500, "text": "Down", "count": 34, "delivery": 1, "since": since}
    make_webhook(name="Ill", failures=[cause])
    make_webhook(name="Dead", active=False, disabled_at=now - timedelta(hours=2), disabled_reason="It answered 410.")
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", admin.get("/admin/webhooks").text))
    assert "Failing Next probe in 5 minutes" in text
    assert "500 Internal Server Error, 34 ×, the first 3 hours ago: Down" in text
    assert "Disabled automatically 2 hours ago. It answered 410." in text


@pytest.mark.parametrize(
    ("cause", "rest"), [({"outcome": "bad_status", "code": 500}, "&amp;code=500"), ({"outcome": "timeout"}, "")]
)
def test_a_row_leads_to_the_deliveries_that_failed(admin: FlaskClient, cause: dict[str, Any], rest: str) -> None:
    stored = {"code": None, "text": "", "count": 34, "delivery": 1, "since": utcnow().isoformat()}
    webhook = make_webhook(failures=[stored | cause])
    address = f"/admin/webhook-deliveries?webhook={webhook.id}&amp;status=with_failures{rest}"
    assert f'<a href="{address}" aria-label="34 ×: show the failed' in admin.get("/admin/webhooks").text
    assert admin.get(address.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("stored", [[5], [{"outcome": "bad_status"}], {"outcome": "bad_status"}, "bad_status"])
def test_causes_that_cannot_be_read_leave_the_list_as_it_is(admin: FlaskClient, stored: Any) -> None:
    webhook = make_webhook(name="Sick", breaker_opened_at=utcnow())
    rows = db.table("webhooks", db.column("id"), db.column("failures", db.JSON))
    db.session.execute(db.update(rows).where(rows.c.id == webhook.id).values(failures=stored))
    db.session.commit()
    for address in ("/admin/webhooks", f"/admin/webhooks/{webhook.id}", "/admin/overview", "/admin/notices"):
        page = admin.get(address)
        assert page.status_code == 200, address
        assert "Sick" in page.text, address


def test_a_webhook_at_0_percent_is_no_green_row(admin: FlaskClient) -> None:
    webhook = make_webhook()
    count_attempts(webhook.id, succeeded=False, count_of=3)
    row = admin.get("/admin/webhooks").text.partition("<tbody>")[2]
    assert "0 % (low) of 3 attempts succeeded" in re.sub("<[^>]+>", "", row)
    assert re.findall(r'class="badge" data-status="(\w+)"', row) == ["failing"]
    count_attempts(webhook.id, succeeded=True)
    row = admin.get("/admin/webhooks").text.partition("<tbody>")[2]
    assert re.findall(r'class="badge" data-status="(\w+)"', row) == ["healthy"]


def test_an_inactive_webhook_has_no_health(admin: FlaskClient) -> None:
    make_webhook(active=False)
    row = admin.get("/admin/webhooks").text.partition("<tbody>")[2]
    assert 'data-status="inactive">Inactive<' in row
    assert 'class="badge"' not in row


def test_the_figures_above_the_list_filter_it(admin: FlaskClient) -> None:
    for active in (True, True, False):
        make_webhook(active=active)
    make_webhook(environment="staging", breaker_opened_at=utcnow())
    page = admin.get("/admin/webhooks?environment=production").text
    figures = dict(re.findall(r'id="total-(\w+)".*?<b class="number">(\d+)</b>', page))
    assert figures == {"active": "2", "inactive": "1", "no_deliveries": "2"}
    staged = admin.get("/admin/webhooks?environment=staging").text
    assert 'id="total-failing" href="/admin/webhooks?environment=staging&amp;health=failing"' in staged
    assert 'id="total-inactive" href="/admin/webhooks?environment=production&amp;status=inactive"' in page
    chosen = admin.get("/admin/webhooks?environment=production&status=inactive&page=2").text
    assert 'id="total-inactive" href="/admin/webhooks?environment=production"' in chosen
    assert chosen.count('aria-current="true"') == 1


@pytest.mark.parametrize("webhook_id", ["999", "99999999999999999999999", "-1", "abc"])
def test_a_webhook_that_is_not_there_is_a_404(admin: FlaskClient, webhook_id: str) -> None:
    assert admin.post(f"/admin/webhooks/{webhook_id}/active", data={"active": "true"}).status_code == 404
    assert admin.get(f"/admin/webhooks/{webhook_id}").status_code == 404


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_accents_are_found_in_either_way_to_write_them(admin: FlaskClient, form: Form, typed: Form) -> None:
    make_webhook(name=normalize(form, "Café Zoë"))
    found = admin.get("/admin/webhooks", query_string={"q": normalize(typed, "CAFÉ zoë")})
    assert "1 webhook" in found.text


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("q", ["müll", "MÜLLER.example/köln", "süß", "xn--mller-kva", "%2Fraw"])
def test_a_url_is_found_as_it_was_typed_and_as_it_is_sent(admin: FlaskClient, q: str, form: Form) -> None:
    url = destination(normalize(form, "https://müller.example/köln%2Fraw?q=süß")).url
    assert url.isascii()
    make_webhook(name="Orders", url=url)
    make_webhook(name="Other", url="https://xn--0.example/%FF")  # neither is the code of a character
    assert names(admin.get("/admin/webhooks", query_string={"q": normalize(form, q)}).text) == ["Orders"]


@pytest.mark.parametrize("place", [480, 1_000, 2_000])
def test_the_whole_url_is_searched(admin: FlaskClient, place: int) -> None:
    make_webhook(url="https://example.com/" + "a" * place + "needle-in-a-long-url")
    make_webhook()
    assert "1 webhook<" in admin.get("/admin/webhooks?q=NEEDLE-in-a-long").text
