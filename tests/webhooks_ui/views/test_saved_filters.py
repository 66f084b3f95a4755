"""Saved filters: what somebody looks for in a list is kept under a name, for them or for all admins."""

import html
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_delivery, make_user, make_webhook
from tests.support.people import start_session
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions
from webhooks_ui.database import db
from webhooks_ui.models import SavedFilter, User
from webhooks_ui.people.saved_filters import FILTERS_MAX

SignIn = Callable[[str], FlaskClient]
LOG, HOOKS = "/admin/webhook-deliveries", "/admin/webhooks"


def save(client: FlaskClient, **fields: str) -> TestResponse:
    form = {"list": "deliveries", "name": "Failed today", "query": "status=failed&since=24h"} | fields
    answer = client.post("/admin/saved-filters", data=form)
    db.session.rollback()
    return answer


def saved() -> list[tuple[str, str, dict[str, str], bool]]:
    db.session.rollback()
    rows = db.session.scalars(db.select(SavedFilter).order_by(SavedFilter.id))
    return [(row.list, row.name, row.query, row.is_shared) for row in rows]


def page(client: FlaskClient, address: str) -> str:
    return html.unescape(client.get(address).text)


def test_what_a_list_shows_is_saved_and_opened_again(admin: FlaskClient) -> None:
    shown = page(admin, f"{LOG}?status=failed&since=24h")
    assert 'name="query" value="environment=&status=failed&since=24h"' in shown
    answer = save(admin)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{LOG}?environment=&status=failed&since=24h"
    assert saved() == [("deliveries", "Failed today", {"environment": "", "status": "failed", "since": "24h"}, False)]
    assert f'href="{LOG}?environment=&status=failed&since=24h">' in page(admin, LOG)
    opened = page(admin, answer.headers["Location"])
    assert 'aria-current="true"><bdi>Failed today</bdi>' in opened
    assert 'name="query"' not in opened, "it is saved already"
    assert recorded_actions() == []


def test_nothing_is_offered_where_nothing_is_narrowed_or_saved(admin: FlaskClient) -> None:
    for address in (LOG, HOOKS, f"{LOG}?environment=staging", f"{HOOKS}?environment=staging"):
        assert "saved-filters" not in page(admin, address)


def test_the_list_of_webhooks_has_saved_filters_of_its_own(admin: FlaskClient) -> None:
    save(admin, list="webhooks", name="Ailing", query="health=failing&environment=staging&page=7&size=50&sort=name")
    assert saved() == [("webhooks", "Ailing", {"environment": "staging", "health": "failing", "sort": "name"}, False)]
    assert "Ailing" in page(admin, HOOKS)
    assert "Ailing" not in page(admin, LOG)
    assert 'aria-current="true"><bdi>Ailing' in page(admin, f"{HOOKS}?environment=staging&health=failing&sort=name")


def test_a_saved_filter_of_all_environments_means_them_in_every_browser(admin: FlaskClient) -> None:
    save(admin)
    admin.post("/environment", data={"environment": "staging", "next": LOG})
    address = f"{LOG}?environment=&status=failed&since=24h"
    assert f'href="{address}">' in page(admin, LOG)
    assert 'aria-current="true"><bdi>Failed today</bdi>' in page(admin, address)


def confirmed(page: str) -> dict[str, str]:
    """Return the fields of a form that asks: the hidden ones, and the checkbox if it is ticked."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return fields | ({"shared": "true"} if 'name="shared" value="true" checked' in page else {})


def test_a_page_asks_before_a_filter_of_the_same_name_is_replaced(admin: FlaskClient) -> None:
    save(admin)
    answer = save(admin, query="status=pending", name="  Failed   today ")
    assert answer.status_code == 200
    assert "Replace the saved filter?" in answer.text
    assert saved()[0][2]["status"] == "failed"
    answer = admin.post("/admin/saved-filters", data=confirmed(html.unescape(answer.text)))
    assert answer.headers["Location"] == f"{LOG}?environment=&status=pending"
    assert saved() == [("deliveries", "Failed today", {"environment": "", "status": "pending"}, False)]


def test_saving_the_same_filter_twice_asks_nothing_and_is_recorded_once(admin: FlaskClient) -> None:
    assert [save(admin, shared="true").status_code for _ in range(2)] == [303, 303]
    assert len(saved()) == 1
    assert recorded_actions() == ["saved_filter.shared"]
    assert "Replace the saved filter?" in save(admin).text


def test_others_see_what_is_shared_and_nothing_else(admin: FlaskClient, sign_in: SignIn) -> None:
    save(admin, name="My own")
    save(admin, name="Of all", shared="true", query="code=5xx")
    other = make_user("other@example.com", "admin", name="Ada")
    admin.get(LOG)  # shows the messages
    start_session(admin, other)
    seen = page(admin, f"{LOG}?environment=&code=5xx")
    assert "My own" not in seen
    assert 'aria-current="true" title="Shared by' in seen
    assert "Delete the saved filter" not in seen
    for send in (admin.get, admin.post):
        assert [send(f"/admin/saved-filters/{id}/delete").status_code for id in (1, 2)] == [404, 403]
    assert len(saved()) == 2
    sign_in("super_admin")
    assert "Delete the saved filter Of all" in page(admin, f"{LOG}?environment=&code=5xx")
    assert [admin.post(f"/admin/saved-filters/{id}/delete").status_code for id in (1, 2)] == [404, 303]
    assert [name for _, name, _, _ in saved()] == ["My own"]
    assert recorded_actions() == ["saved_filter.shared", "saved_filter.deleted"]
    assert "Saved filter: shared" in admin.get("/admin/audit-log").text


def test_sharing_can_be_taken_back(admin: FlaskClient) -> None:
    save(admin, shared="true")
    save(admin, replace="1")
    assert [is_shared for _, _, _, is_shared in saved()] == [False]
    assert recorded_actions() == ["saved_filter.shared", "saved_filter.unshared"]


def test_a_shared_filter_stays_shared_when_it_is_replaced(admin: FlaskClient) -> None:
    save(admin, shared="true")
    question = save(admin, query="status=pending").text
    assert admin.post("/admin/saved-filters", data=confirmed(html.unescape(question))).status_code == 303
    assert saved() == [("deliveries", "Failed today", {"environment": "", "status": "pending"}, True)]
    assert recorded_actions() == ["saved_filter.shared", "saved_filter.shared"]


def test_a_page_asks_before_a_filter_is_deleted(admin: FlaskClient) -> None:
    address = save(admin, shared="true").headers["Location"]
    shown = page(admin, address)
    assert 'href="/admin/saved-filters/1/delete"' in shown
    assert "Delete the saved filter Failed today" in shown
    question = page(admin, "/admin/saved-filters/1/delete")
    assert "It is shared, so all admins lose it." in question
    assert len(saved()) == 1
    assert admin.post("/admin/saved-filters/1/delete").status_code == 303
    assert saved() == []
    assert admin.get("/admin/saved-filters/1/delete").status_code == 404


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (" ", "Give the filter a name"),
        ("\u3164", "Give the filter a name"),
        ("x" * 61, "at most 60 characters"),
        ("", "a name"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused_and_the_list_still_shows_the_same(
    admin: FlaskClient, name: str, sentence: str
) -> None:
    answer = save(admin, name=name)
    assert answer.headers["Location"] == f"{LOG}?environment=&status=failed&since=24h"
    assert sentence in page(admin, answer.headers["Location"])
    assert saved() == []


def test_a_person_has_room_for_fifty(admin: FlaskClient) -> None:
    owner = db.session.scalars(db.select(User)).one()
    rows = [SavedFilter(user_id=owner.id, list="webhooks", name=str(n), query={}) for n in range(FILTERS_MAX)]
    db.session.add_all(rows)
    db.session.commit()
    assert "which is the most" in page(admin, save(admin).headers["Location"])
    assert len(saved()) == FILTERS_MAX


def test_an_unknown_list_is_named(admin: FlaskClient) -> None:
    answer = save(admin, list="events")
    assert answer.status_code == 422
    assert "deliveries, webhooks" in answer.text


def test_values_that_make_no_sense_are_not_kept(admin: FlaskClient) -> None:
    save(admin, query="status=nonsense&environment=mars&code=7xx&cursor=after-3&next=//evil.example")
    assert saved()[0][2] == {"environment": ""}


def test_a_filter_by_something_that_is_gone_finds_nothing(admin: FlaskClient) -> None:
    make_delivery(make_webhook())
    address = save(admin, query="webhook=999").headers["Location"]
    answer = admin.get(address)
    assert answer.status_code == 200
    assert "No deliveries match" in answer.text


def test_an_operator_sees_none(admin: FlaskClient, sign_in: SignIn) -> None:
    save(admin, list="webhooks", name="Of all", shared="true", query="health=failing")
    operator = sign_in("operator")
    assert "saved-filters" not in operator.get(f"{HOOKS}?health=failing").text
    assert save(operator).status_code == 403


def test_the_filters_of_a_person_go_with_them(admin: FlaskClient) -> None:
    save(admin, shared="true")
    db.session.execute(db.delete(User))
    db.session.commit()
    assert saved() == []


def test_the_palette_finds_the_filters_that_one_sees(admin: FlaskClient, sign_in: SignIn) -> None:
    save(admin)
    save(admin, list="webhooks", name="Failing in staging", query="health=failing&environment=staging", shared="true")
    palette = "/admin/palette?q=FAIL"
    shown = page(admin, palette)
    assert f'href="{LOG}?environment=&status=failed&since=24h">' in shown
    assert f'href="{HOOKS}?environment=staging&health=failing">' in shown
    other = page(sign_in("super_admin"), palette)
    assert "Failing in staging" in other
    assert "Failed today" not in other
    assert "saved filter" not in page(sign_in("operator"), palette).lower().replace("no page, saved filter", "")
    assert "Failed today" not in page(admin, "/admin/palette")


def test_a_query_that_is_too_long_is_refused_and_not_cut(admin: FlaskClient) -> None:
    answer = save(admin, query="q=" + "a" * 3_999)
    assert answer.status_code == 422
    assert "The field query can have at most 4,000 characters. Shorten it." in answer.text
    assert saved() == []
