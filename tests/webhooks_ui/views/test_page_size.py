"""The rows per page of the list."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook

ROW = "data-row-link"


@pytest.fixture
def many(admin: FlaskClient) -> FlaskClient:
    for number in range(30):
        make_webhook(name=f"Hook {number}")
    return admin


def rows(client: FlaskClient, address: str = "/admin/webhooks") -> int:
    return client.get(address).text.count(ROW)


def test_the_next_page_is_one_of_the_same_size_whatever_another_tab_chose(many: FlaskClient) -> None:
    found = re.search('href="([^"]+page=2)"', many.get("/admin/webhooks").text)
    assert found
    following = unescape(found[1])
    many.get("/admin/webhooks?size=100")
    assert rows(many, following) == 5


def test_the_chosen_size_holds_until_another_is_chosen(many: FlaskClient) -> None:
    assert rows(many) == 25
    assert rows(many, "/admin/webhooks?size=50") == 30
    many.get("/admin/webhook-deliveries")
    page = many.get("/admin/webhooks")
    assert page.text.count(ROW) == 30
    assert (
        'href="/admin/webhooks?size=25"' in page.text
    )  # the default size is in the address, because another one is remembered
    assert 'href="/admin/webhooks?sort=name&amp;size=50"' in page.text
    assert rows(many, "/admin/webhooks?size=25") == 25
    assert rows(many) == 25


@pytest.mark.parametrize("size", ["51", "0", "-50", "1e2", "50.0", "\u0665\u0660", "", "9" * 5_000, "\0", "<b>"])
def test_a_size_that_makes_no_sense_counts_as_not_given(many: FlaskClient, size: str) -> None:
    many.get("/admin/webhooks?size=50")
    answer = many.get("/admin/webhooks", query_string={"size": size})
    assert (answer.status_code, answer.text.count(ROW)) == (200, 30)


@pytest.mark.parametrize("kept", [51, "50", None, [50], {"a": 1}])
def test_a_session_with_nonsense_has_the_usual_size(many: FlaskClient, kept: object) -> None:
    with many.session_transaction() as session:
        session["page_size"] = kept
    assert rows(many) == 25
