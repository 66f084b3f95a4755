"""Live lists: what the log and the page of a webhook get when they ask for new deliveries."""

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from tests.support.log import LOG
from tests.support.log_rows import add_delivery, settle
from tests.webhooks_ui.views.test_queries import statements
from webhooks_ui.database import db

ROW = '<tr id="delivery-{}" data-new>'


@pytest.fixture
def live(admin: FlaskClient) -> FlaskClient:
    admin.post("/live", data={"live": "on"})
    return admin


def poll_of(page: str) -> str:
    """Return the address that a page polls for new deliveries."""
    found = re.search(r'id="follow" hx-get="([^"]+)"', page)
    assert found
    return unescape(found[1])


def test_the_switch_is_remembered_until_it_is_turned_off(admin: FlaskClient) -> None:
    hook = f"/admin/webhooks/{make_webhook().id}"
    assert 'aria-checked="false"' in admin.get(LOG).text
    assert 'id="newer"' in admin.get(LOG).text
    answer = admin.post("/live", data={"live": "on"}, headers={"Referer": f"http://localhost{LOG}?q=a"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{LOG}?q=a")
    for path in (LOG, hook):
        page = admin.get(path).text
        assert "data-live" in page
        assert 'id="newer"' not in page
    admin.post("/live", data={"live": "off"})
    assert "data-live" not in admin.get(LOG).text + admin.get(hook).text


def test_the_log_gets_nothing_until_a_delivery_arrives(live: FlaskClient) -> None:
    webhook = make_webhook()
    first = settle(add_delivery(webhook))
    poll = poll_of(live.get(LOG).text)
    assert live.get(poll, headers=HTMX).status_code == 204
    second, third = settle(add_delivery(webhook)), settle(add_delivery(webhook))
    answer = live.get(poll, headers=HTMX).text
    assert answer.lstrip().startswith('<div id="deliveries" hx-sync="#delivery-filters:drop" data-live="on">')
    assert all(ROW.format(delivery.id) in answer for delivery in (second, third))
    assert f'<tr id="delivery-{first.id}">' in answer
    assert '<div id="arrivals" hx-swap-oob="innerHTML">2 new deliveries</div>' in answer
    assert 'id="status"' not in answer  # else a toast would go
    assert live.get(poll_of(answer), headers=HTMX).status_code == 204


def test_the_log_stays_as_long_as_a_page(live: FlaskClient) -> None:
    webhook = make_webhook()
    poll = poll_of(live.get(LOG).text)
    for _ in range(30):
        settle(add_delivery(webhook))
    answer = live.get(poll, headers=HTMX).text
    assert answer.count("data-new") == 25
    assert "At least 25 new deliveries" in answer
    assert 'id="deliveries-next"' in answer


def test_what_the_filters_hide_changes_nothing(live: FlaskClient) -> None:
    webhook, other = make_webhook(), make_webhook(event_types=["product.created"])
    settle(add_delivery(webhook))
    poll = poll_of(live.get(LOG, query_string={"category": "license"}).text)
    settle(add_delivery(other))
    assert live.get(poll, headers=HTMX).status_code == 204
    new = settle(add_delivery(webhook))
    assert ROW.format(new.id) in live.get(poll, headers=HTMX).text


def test_an_old_delivery_that_fails_now_arrives_in_the_log_of_failures(live: FlaskClient) -> None:
    old, newer = add_delivery(), settle(add_delivery(), 500)
    poll = poll_of(live.get(LOG, query_string={"status": "failed"}).text)
    assert live.get(poll, headers=HTMX).status_code == 204
    settle(old, 500)
    answer = live.get(poll, headers=HTMX).text
    assert ROW.format(old.id) in answer
    assert ROW.format(newer.id) not in answer
    assert "1 new delivery<" in answer


def test_an_unfinished_delivery_is_shown_as_it_goes_on(live: FlaskClient) -> None:
    delivery = add_delivery()
    hook = f"/admin/webhooks/{delivery.webhook_id}"
    polls = {LOG: poll_of(live.get(LOG).text), hook: poll_of(live.get(hook).text)}
    for poll in polls.values():
        assert live.get(poll, headers=HTMX).status_code == 204
    settle(delivery)
    for poll in polls.values():
        answer = live.get(poll, headers=HTMX).text
        assert "Delivered" in answer
        assert "arrivals" not in answer


def test_the_page_of_a_webhook_follows_its_own_deliveries(live: FlaskClient) -> None:
    webhook, other = make_webhook(), make_webhook()
    poll = poll_of(live.get(f"/admin/webhooks/{webhook.id}").text)
    settle(add_delivery(other))
    assert live.get(poll, headers=HTMX).status_code == 204
    new = settle(add_delivery(webhook))
    answer = live.get(poll, headers=HTMX).text
    assert answer.lstrip().startswith('<div id="recent-rows" data-live="on">')
    assert f"{LOG}/{new.id}" in answer
    assert "1 new delivery<" in answer
    assert live.get(poll_of(answer), headers=HTMX).status_code == 204


def test_only_the_newest_page_in_the_order_of_time_follows(live: FlaskClient) -> None:
    delivery = settle(add_delivery())
    for query in ({"sort": "status"}, {"sort": "time"}, {"cursor": f"after-{delivery.id + 1}"}):
        assert "data-live" not in live.get(LOG, query_string=query).text


@pytest.mark.parametrize("query", ["", "?mark=&newest=", "?mark=x-y&newest=-1", "?newest=" + "9" * 30, "?mark=1"])
def test_a_poll_that_makes_no_sense_is_a_page_that_shows_nothing(live: FlaskClient, query: str) -> None:
    delivery = settle(add_delivery())
    for path in (f"{LOG}/follow", f"/admin/webhooks/{delivery.webhook_id}/follow"):
        assert f"{LOG}/{delivery.id}" in live.get(path + query).text


def test_without_a_delivery_the_poll_is_one_look_into_the_primary_key(live: FlaskClient) -> None:
    delivery = settle(add_delivery())
    for path in (LOG, f"/admin/webhooks/{delivery.webhook_id}"):
        poll = poll_of(live.get(path).text)
        db.session.remove()
        with statements() as made:
            assert live.get(poll, headers=HTMX).status_code == 204
        asked = [" ".join(text.split()) for text in made if "deliveries" in text]
        assert asked == ["SELECT max(deliveries.id) AS max_1 FROM deliveries"]


def test_a_webhook_that_is_gone_is_a_404(live: FlaskClient) -> None:
    assert live.get("/admin/webhooks/99/follow", headers=HTMX).status_code == 404
