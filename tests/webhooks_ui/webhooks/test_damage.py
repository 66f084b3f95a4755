"""What a person or another version wrote into the row of a webhook fails nowhere, and its page tells of it."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import JSON, column, select, table, update

from jobs.deliver import deliver
from jobs.publish import publish
from tests.support.both_databases import database_url  # noqa: F401
from tests.support.factories import make_api_key, make_delivery, make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.deliveries.missed import Missed, count_missed
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Attempt, Delivery, Webhook, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.damage import damage

ROWS: tuple[tuple[str, Any, str], ...] = (
    ("filter", 5, "filter"),
    ("filter", {"match": "all", "conditions": [{"field": "n", "operator": "is", "value": "1"}]}, "filter"),
    ("filter", {"match": "all", "conditions": [{"field": "n", "operator": "contains", "value": None}]}, "filter"),
    ("fields", [1], "fields that it gets"),
    ("fields", {"mode": "keep", "paths": [5], "extra": "{}"}, "fields that it gets"),
    ("fields", {"mode": "keep", "paths": ["n"], "extra": "{"}, "fields that it gets"),
    ("headers", ["X-Tenant: emea"], "headers"),
    ("auth", {"kind": "digest", "username": "u", "secret_encrypted": "s"}, "credentials"),
    ("client_certificate", {"certificate_encrypted": "c", "key_encrypted": "k"}, "client certificate"),
    (
        "client_certificate",
        {"certificate_encrypted": "c", "key_encrypted": "k", "subject": "s", "issuer": "i"}
        | dict.fromkeys(("starts_at", "ends_at"), "2030-01-01T00:00:00+00:00"),
        "client certificate",
    ),
    ("older_secrets", [{"id": "a", "secret_encrypted": "s", "expires_at": "2030-01-01"}], "older secrets"),
    ("retry_delays", ["1 h"], "delays of its own schedule"),
    ("retry_delays", [60] * 13, "delays of its own schedule"),
    ("retry_delays", [60, 700_000], "delays of its own schedule"),
)
PAGES = ("", "/edit", "/secret", "/test", "/why-nothing", "/recoveries", "/signature", "/follow")


def spoil(webhook_id: int, name: str, value: Any) -> None:
    """Write a value as JSON into the row of a webhook, as no form does."""
    rows = table("webhooks", column("id"), column(name, JSON))
    with write_transaction() as connection:
        connection.execute(update(rows).where(rows.c.id == webhook_id).values({name: value}))
    db.session.rollback()


@pytest.mark.parametrize(("name", "value", "label"), ROWS)
def test_others_get_their_events_and_all_pages_are_shown(
    app: Flask, admin: FlaskClient, receiver: Receiver, name: str, value: Any, label: str
) -> None:
    bad, good = make_webhook(url=f"{receiver.url}/bad").id, make_webhook(url=f"{receiver.url}/good").id
    delivery = make_delivery(db.session.get_one(Webhook, bad)).id
    spoil(bad, name, value)
    headers = {"Authorization": f"Bearer {make_api_key()[1]}"}
    event = {"type": "license.activated", "data": {"n": 1}}
    for sent in (event, [event, event]):
        assert admin.post("/api/v1/events", json=sent, headers=headers).status_code == 202
    deliver()
    arrived = select(Delivery.id).where(Delivery.webhook_id == good, Delivery.status == "delivered")
    assert len(db.session.scalars(arrived).all()) == 4
    said = f"What is stored of the {label} can&#39;t be read, so nothing is sent."
    for page in PAGES:
        answer = admin.get(f"/admin/webhooks/{bad}{page}")
        assert answer.status_code == 200, page
        assert (said in answer.text) == (page in ("", "/edit")), page
    for address in ("/admin/webhooks", "/admin/webhook-deliveries", f"/admin/webhook-deliveries/{delivery}"):
        assert admin.get(address).status_code == 200, address
    assert len(admin.get("/api/v1/webhooks", headers=headers).get_json()["data"]) == 2
    assert said.replace("&#39;", "'") in str(
        admin.get(f"/api/v1/webhooks/{bad}", headers=headers).get_json()["warnings"]
    )
    values = {"name": "Orders", "url": "https://example.com", "environment": "production", "events": event["type"]}
    assert admin.post(f"/admin/webhooks/{bad}/edit", data=values).status_code == 303
    assert damage(db.session.get_one(Webhook, bad)) == ""


@pytest.mark.parametrize("name", ["filter", "headers"])
def test_no_json_at_all_is_damage_as_well(app: Flask, name: str) -> None:
    webhook = make_webhook()
    with write_transaction() as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL takes JSON only.")
        connection.exec_driver_sql(f"UPDATE webhooks SET {name} = '{{'")
    publish("production", [NewEvent("license.activated", {})])
    db.session.rollback()
    assert name in damage(db.session.get_one(Webhook, webhook.id))


def test_what_a_damaged_filter_kept_back_was_missed_and_the_attempt_says_what_damaged_fields_need(
    app: Flask, receiver: Receiver
) -> None:
    webhook, began = make_webhook(url=receiver.url), utcnow()
    spoil(webhook.id, "filter", {"match": "all", "conditions": 5})
    publish("production", [NewEvent("license.activated", {"n": 1})])
    assert db.session.scalars(select(Delivery)).all() == []
    assert count_missed(Missed.of(webhook, began, utcnow()), 5) == (0, True)
    webhook.filter = None
    db.session.commit()
    assert count_missed(Missed.of(webhook, began, utcnow()), 5) == (1, True)
    spoil(webhook.id, "fields", 5)
    publish("production", [NewEvent("license.activated", {"n": 1})])
    deliver()
    attempt = db.session.scalars(select(Attempt)).one()
    assert (attempt.outcome, receiver.requests) == ("not_composed", [])
    assert "What is stored of the fields to send can't be read." in (attempt.detail or "")


def test_an_endpoint_is_probed_once_damaged_headers_are_gone(app: Flask) -> None:
    webhook = make_webhook(breaker_opened_at=utcnow(), probe_at=utcnow() + timedelta(hours=1))
    spoil(webhook.id, "headers", 5)
    with writing():
        changes.edit(changes.get(webhook.id, lock=True), {"headers": []})
    probe_at = db.session.get_one(Webhook, webhook.id).probe_at
    assert probe_at is not None
    assert probe_at <= utcnow()
