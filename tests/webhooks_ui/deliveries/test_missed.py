"""Which events a webhook missed, and which its filter kept back."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_event, make_webhook
from webhooks_ui.database import db, write_transaction
from webhooks_ui.deliveries.missed import Missed, count_missed, next_missed, send_missed
from webhooks_ui.events.operational import OPERATIONAL
from webhooks_ui.models import Delivery, Event, FreshKeys, Webhook, utcnow

ONLY_LIMIT = {
    "match": "all",
    "conditions": [{"field": "reason.code", "operator": "equals", "value": "limit_reached"}],
}


def missed_of(webhook: Webhook, *, kept_back: bool = False) -> Missed:
    now = utcnow()
    return Missed.of(webhook, now - timedelta(hours=1), now + timedelta(minutes=1), kept_back=kept_back)


def ids(missed: Missed, limit: int = 100) -> list[int]:
    """Return the ids of all missed events, found ``limit`` at a time."""
    place: int | None = missed.ids[0]
    found: list[int] = []
    while place is not None:
        events, place = next_missed(missed, place, missed.ids[1], limit)
        found += [id for id, _ in events]
    return found


def publish_some(count: int = 10) -> list[int]:
    """Publish events of which every second one has reached a limit. Return the ids of these."""
    events = [make_event(data={"reason": {"code": "limit_reached" if n % 2 else "other"}}) for n in range(count)]
    return [event.id for number, event in enumerate(events) if number % 2]


def test_an_inactive_webhook_missed_only_what_its_filter_lets_pass(app: Flask) -> None:
    webhook = make_webhook(filter=ONLY_LIMIT, active=False)
    wanted = publish_some()
    missed = missed_of(webhook)
    assert count_missed(missed, 5.0) == (5, True)
    assert ids(missed) == ids(missed, limit=1) == ids(missed, limit=3) == wanted
    assert Missed.parse(missed.as_json) == missed


def test_what_a_filter_kept_back_can_be_counted_and_sent(app: Flask) -> None:
    webhook = make_webhook(filter=ONLY_LIMIT, fields={"mode": "keep", "paths": ["reason"], "extra": {}})
    publish_some()
    assert count_missed(missed_of(webhook), 5.0) == (0, True)
    everything = missed_of(webhook, kept_back=True)
    assert count_missed(everything, 5.0) == (5, True)
    events, _ = next_missed(everything, *everything.ids, 100)
    with write_transaction() as connection:
        assert send_missed(connection, everything, events) == 5
    with write_transaction() as connection:
        assert send_missed(connection, everything, events) == 0
    db.session.rollback()
    sent = db.session.scalars(db.select(Delivery).filter_by(trigger="missed")).all()
    assert len(sent) == 5
    assert all(delivery.fields and "reason" in delivery.fields for delivery in sent)


def test_a_webhook_did_not_miss_operational_events_about_itself(app: Flask) -> None:
    watched, other = make_webhook(), make_webhook()
    watcher = make_webhook(event_types=list(OPERATIONAL), active=False)
    for about in (watched, watcher, other):
        data = OPERATIONAL["webhook.disabled"].example | {"webhook": {"id": about.id, "name": "x", "host": "y"}}
        make_event(type="webhook.disabled", data=data)
    assert count_missed(missed_of(watcher), 5.0) == (2, True)
    assert len(ids(missed_of(watcher))) == 2


def test_a_webhook_without_subscriptions_missed_nothing(app: Flask) -> None:
    webhook = make_webhook(event_types=[])
    make_event()
    assert count_missed(missed_of(webhook), 5.0) == (0, True)


@pytest.mark.parametrize("kept_back", ["", "1"])
def test_the_page_counts_both_and_sends_what_is_chosen(admin: FlaskClient, kept_back: str) -> None:
    webhook = make_webhook(filter=ONLY_LIMIT, active=False)
    publish_some()
    page = admin.post(f"/admin/webhooks/{webhook.id}/missed", data={"since": "1h"}).text
    assert re.search(r'id="bulk-count">5<', page)
    assert "The filter of the webhook keeps back 5 more." in page
    assert "Send all 10, also those that are kept back" in page
    hidden = dict(re.findall(r'<input type="hidden" name="(since|until|confirm)" value="(.*?)">', page))
    answer = admin.post(f"/admin/webhooks/{webhook.id}/missed", data=hidden | {"kept_back": kept_back})
    assert answer.status_code == 303
    sent = db.session.scalar(db.select(db.func.count(Delivery.id)))
    shown = admin.get(answer.headers["Location"])
    assert shown.status_code == 200
    assert sent == (10 if kept_back else 5)


def test_a_webhook_that_was_moved_meanwhile_gets_none_of_the_old_environment(app: Flask) -> None:
    webhook = make_webhook(active=False)
    make_event()
    missed = missed_of(webhook)
    events, _ = next_missed(missed, *missed.ids, 100)
    webhook.environment = "staging"
    db.session.commit()
    with write_transaction() as connection:
        assert send_missed(connection, missed, events) == 0


def test_an_event_that_was_purged_meanwhile_is_left_out(app: Flask) -> None:
    webhook = make_webhook(active=False)
    gone, kept = make_event().id, make_event().id
    missed = missed_of(webhook)
    events, _ = next_missed(missed, *missed.ids, 100)
    db.session.rollback()
    with write_transaction() as connection:
        connection.execute(db.delete(FreshKeys).where(FreshKeys.event_id == gone))
        connection.execute(db.delete(Event).where(Event.id == gone))
    with write_transaction() as connection:
        assert send_missed(connection, missed, events) == 1
    assert db.session.scalars(db.select(Delivery.event_id)).all() == [kept]
