"""A key does what its scopes say, and nothing else. ``tests/webhooks_ui/test_access.py`` tries all routes."""

from typing import Any

import pytest
from flask import Flask

from tests.support.factories import make_api_key, make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api.openapi import document
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Scope, Webhook
from webhooks_ui.models.scope import MEANINGS

NEW: dict[str, Any] = {"name": "Orders", "url": "https://93.184.215.14/", "events": ["license.activated"]}


def api_with(app: Flask, *scopes: str) -> Api:
    return Api(app.test_client(), make_api_key(scopes=scopes)[1])


def test_a_missing_scope_is_named_with_those_that_the_key_has(app: Flask) -> None:
    answer = api_with(app, "events:write", "deliveries:read").get("/webhooks")
    assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
    assert answer.get_json()["detail"] == (
        "This request needs the scope webhooks:read. The key has events:write, deliveries:read."
    )
    assert answer.headers["WWW-Authenticate"].endswith('error="insufficient_scope", scope="webhooks:read"')
    assert answer.headers["X-RateLimit-Remaining"]


def test_a_refused_request_changes_nothing(app: Flask) -> None:
    webhook = make_webhook()
    api = api_with(app, *set(Scope) - {Scope.WEBHOOKS_WRITE})
    assert api.delete(f"/webhooks/{webhook.id}").status_code == 403
    assert api.patch(f"/webhooks/{webhook.id}", json={"url": "https://evil.example/"}).status_code == 403
    assert api.post("/webhooks", json=NEW).status_code == 403
    db.session.rollback()
    assert [found.url for found in db.session.scalars(db.select(Webhook))] == [webhook.url]


def test_a_key_that_may_not_read_secrets_gets_none_to_see(app: Flask) -> None:
    api = api_with(app, "webhooks:read", "webhooks:write")
    created = api.post("/webhooks", json=NEW)
    assert created.status_code == 201
    path = f"/webhooks/{created.get_json()['id']}"
    answers = [created, api.post(f"{path}/secret", json={"grace_hours": 1}), api.get(path), api.get(f"{path}/secret")]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 403]
    assert not any("whsec_" in answer.text or "secret" in answer.get_json() for answer in answers)


def test_reading_a_secret_is_recorded(app: Flask) -> None:
    webhook = make_webhook()
    answer = api_with(app, "secrets:read").get(f"/webhooks/{webhook.id}/secret")
    assert answer.get_json() == {"secret": webhook.secret, "older_secrets": []}
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert entry.action == "webhook.secret_revealed"
    assert entry.actor.startswith("key km_")


def test_every_key_may_read_the_event_types(app: Flask) -> None:
    assert api_with(app, "deliveries:retry").get("/event-types").status_code == 200


@pytest.mark.parametrize("scope", list(Scope))
def test_the_description_explains_each_scope(app: Flask, scope: Scope) -> None:
    assert f"- `{scope}`: {MEANINGS[scope]}" in document()["info"]["description"]


def test_the_description_names_the_scope_of_an_operation(app: Flask) -> None:
    paths = document()["paths"]
    assert paths["/api/v1/webhooks"]["post"]["security"] == [{"apiKey": ["webhooks:write"]}]
    assert "403" in paths["/api/v1/webhooks"]["post"]["responses"]
    assert "security" not in paths["/api/v1/event-types"]["get"]
