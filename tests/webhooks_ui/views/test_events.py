"""The page of an event, and sending it to another webhook."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from tests.support.log_rows import add_delivery
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Delivery, Event, Webhook, utcnow


def replays() -> list[Delivery]:
    return list(db.session.scalars(db.select(Delivery).filter_by(trigger="replay")))


def test_the_page_has_the_payload_once_and_all_deliveries(admin: FlaskClient) -> None:
    make_webhook(name="Second")
    delivery = make_delivery(make_webhook(name="First"))
    text = admin.get(f"/admin/events/{delivery.event_id}").text
    assert "First" in text
    assert "Second" in text
    assert text.count(delivery.event.public_id) >= 1


def test_each_delivery_that_waits_says_what_for(admin: FlaskClient) -> None:
    ordered = make_webhook(in_order=True)
    add_delivery(ordered, in_order=True)
    event_id = add_delivery(ordered, in_order=True).event_id
    later = utcnow() + timedelta(minutes=5, seconds=30)
    add_delivery(attempts_count=2, due_at=later, outcome="timeout").event_id = event_id
    db.session.commit()
    rows = admin.get(f"/admin/events/{event_id}").text.partition('id="event-deliveries"')[2].partition("</table>")[0]
    assert "waits for an earlier delivery" in rows
    assert "2 of 5 attempts" in rows
    assert "next <time" in rows


def test_an_event_that_does_not_exist_is_404(admin: FlaskClient) -> None:
    assert admin.get("/admin/events/1").status_code == 404


def test_it_is_sent_to_a_webhook_of_another_environment_and_marked(admin: FlaskClient) -> None:
    event_id = make_delivery().event_id
    other = make_webhook(name="Staging", environment="staging", active=False, event_types=["license.created"]).id
    answer = admin.post(f"/admin/events/{event_id}/send", data={"webhook": other, "confirm": "1"})
    replay = replays()[0]
    assert answer.location == f"/admin/webhook-deliveries/{replay.id}"
    assert (replay.webhook_id, replay.event_id, replay.environment, replay.forced) == (other, event_id, "staging", True)
    assert "Replay" in admin.get(answer.location).text
    entry = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.after) == ("delivery.replayed", {"webhook": "Staging"})


@pytest.mark.parametrize(
    ("environment", "active", "question", "reasons"),
    [
        (
            "staging",
            True,
            "Send this event to another environment?",
            ["of <b>production</b>", "data of your customers"],
        ),
        ("production", False, "Send this event to an inactive webhook?", ["The webhook is inactive."]),
        (
            "staging",
            False,
            "Send this event to another environment?",
            ["of <b>staging</b>", "The webhook is inactive."],
        ),
    ],
)
def test_a_page_asks_before_an_event_goes_where_it_never_would(
    admin: FlaskClient, environment: str, active: bool, question: str, reasons: list[str]
) -> None:
    event_id = make_delivery().event_id
    other = make_webhook(name="Other", environment=environment, active=active).id
    address = f"/admin/events/{event_id}/send"
    answer = admin.post(address, data={"webhook": other})
    assert answer.status_code == 200
    for text in (question, *reasons):
        assert text in answer.text
    assert replays() == []
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))
    sent = [admin.post(address, data=fields).location for _ in range(2)]
    assert len(replays()) == 1, "a second click changes nothing"
    assert sent[0] == sent[1]


def test_the_choice_marks_environments_and_inactive_webhooks_and_begins_with_the_own(admin: FlaskClient) -> None:
    delivery = make_delivery(make_webhook(name="Zeta"))
    make_webhook(name="Alpha", environment="staging")
    make_webhook(name="Beta", active=False)
    page = admin.get(f"/admin/events/{delivery.event_id}").text
    assert re.findall(r'<optgroup label="([^"]+)">', page) == ["Production, as the event", "Staging"]
    options = re.findall(r'<option value="\d+">([^<]+)</option>', page)
    assert options == ["Beta (production, inactive)", "Zeta (production)", "Alpha (staging)"]
    assert 'name="find"' not in page


def test_a_choice_that_is_cut_says_so_and_can_be_searched(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks_ui.views.events.CHOICES_MAX", 2)
    delivery = make_delivery(make_webhook(name="A"))
    for name in ("B", "Needle"):
        make_webhook(name=name)
    address = f"/admin/events/{delivery.event_id}"
    page = admin.get(address).text
    assert "Lists the first 2 webhooks. Use the search to find others." in page
    assert "Needle" not in page
    page = admin.get(f"{address}?find=needle").text
    assert "Needle (production)" in page
    assert "Lists the first" not in page
    assert "No webhook has “zzz” in its name or URL." in admin.get(f"{address}?find=zzz").text


def test_both_pages_count_the_delivery_that_was_sent_later(admin: FlaskClient) -> None:
    delivery = make_delivery()
    event_id, address = delivery.event_id, f"/admin/webhook-deliveries/{delivery.id}"
    assert "deliveries of this event" not in admin.get(address).text
    other = make_webhook(name="Other").id
    admin.post(f"/admin/events/{event_id}/send", data={"webhook": other})
    assert "One of 2 deliveries of this event" in admin.get(address).text
    assert admin.get(f"/admin/events/{event_id}").text.count('data-label="Response"') == 2
    event = db.session.get_one(Event, event_id)
    assert event.deliveries_count == 1, "a publisher that repeats the id gets the same answer as before"


def test_a_webhook_must_be_chosen(admin: FlaskClient) -> None:
    event_id = make_delivery().event_id
    for webhook in ("", "999", "x", "9" * 30):
        answer = admin.post(f"/admin/events/{event_id}/send", data={"webhook": webhook})
        assert answer.status_code == 422
        assert "Choose a webhook from the list." in answer.text
    assert replays() == []


def test_a_deleted_webhook_gets_nothing(admin: FlaskClient) -> None:
    delivery = make_delivery()
    event_id, webhook = delivery.event_id, delivery.webhook_id
    admin.post(f"/admin/webhooks/{webhook}/delete")
    assert db.session.get_one(Webhook, webhook).is_deleted
    assert admin.post(f"/admin/events/{event_id}/send", data={"webhook": webhook}).status_code == 422
