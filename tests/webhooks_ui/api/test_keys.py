"""The API lets in only valid keys that are within their rate."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from tests.support.factories import make_api_key, make_webhook
from tests.support.locks import locked
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui import api_keys
from webhooks_ui.database import db
from webhooks_ui.database import redis as redis_client
from webhooks_ui.models import ApiKey, AuditEntry, utcnow
from webhooks_ui.web.extensions import limiter

EVENT = {"type": "license.activated", "data": {"id": "1"}}


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer km_wrong", "Basic a206eA==", "km_wrong", "Bearer ÿ\x7f", "Bearer a b"],
)
def test_without_a_valid_key_the_answer_is_401_and_says_how_to_send_one(app: Flask, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = app.test_client().post("/api/v1/events", json=EVENT, headers=headers)
    assert (response.status_code, response.content_type) == (401, "application/problem+json")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_revoked_key_gets_401_at_once(app: Flask, api: Api) -> None:
    assert api.post("/events", json=EVENT).status_code == 202
    db.session.scalars(db.select(ApiKey)).one().revoked_at = utcnow()
    db.session.commit()
    assert api.post("/events", json=EVENT).status_code == 401


def test_the_last_use_is_stored_at_most_once_a_minute(app: Flask, api: Api) -> None:
    def last_used_at() -> datetime | None:
        db.session.rollback()
        at: datetime | None = db.session.scalars(db.select(ApiKey.last_used_at)).one()
        return at

    start = utcnow()
    with time_machine.travel(start, tick=False) as clock:
        api.post("/events", json=EVENT)
        assert last_used_at() == start
        clock.shift(59)
        api.post("/events", json=EVENT)
        assert last_used_at() == start
        clock.shift(1)
        api.post("/events", json=EVENT)
        assert last_used_at() == start + timedelta(minutes=1)


def test_the_api_is_read_while_something_else_holds_the_lock_of_the_database(api: Api, tmp_path: Path) -> None:
    make_webhook()
    with locked(tmp_path / "webhooks.db"):
        begun = time.monotonic()
        assert [api.get("/webhooks").status_code for _ in range(3)] == [200] * 3
        assert time.monotonic() - begun < 5
    assert key_row().last_used_at is None


def key_row() -> ApiKey:
    db.session.rollback()
    found: ApiKey = db.session.scalars(db.select(ApiKey)).one()
    return found


def test_the_address_of_the_last_use_is_stored(app: Flask, api: Api) -> None:
    api.post("/events", json=EVENT, environ_base={"REMOTE_ADDR": "2001:db8::7"})
    assert key_row().last_used_from == "2001:db8::7"


def test_a_key_is_refused_after_its_end(app: Flask) -> None:
    end = utcnow() + timedelta(hours=1)
    api = Api(app.test_client(), make_api_key(expires_at=end)[1])
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert api.post("/events", json=EVENT).status_code == 202
    with time_machine.travel(end, tick=False):
        answer = api.post("/events", json=EVENT)
    assert answer.status_code == 401
    assert f"expired on {end:%Y-%m-%d %H:%M} UTC" in answer.get_json()["detail"]


def test_after_rolling_both_texts_work_until_the_overlap_ends(app: Flask) -> None:
    key, old = make_api_key()
    new = key.roll(timedelta(hours=2))
    db.session.commit()
    before, after = Api(app.test_client(), old), Api(app.test_client(), new)
    assert before.post("/events", json=EVENT).status_code == 202
    used_at = key_row().older_used_at
    assert used_at
    assert after.post("/events", json=EVENT).status_code == 202
    assert key_row().older_used_at == used_at
    with time_machine.travel(utcnow() + timedelta(hours=2), tick=False):
        answers = [api.post("/events", json=EVENT) for api in (before, after)]
    assert [answer.status_code for answer in answers] == [401, 202]
    assert "was rolled, and its old text has ended" in answers[0].get_json()["detail"]


def test_revoking_a_rolled_key_ends_both_texts(app: Flask) -> None:
    key, old = make_api_key()
    new = key.roll(timedelta(hours=2))
    api_keys.revoke(key)
    db.session.commit()
    assert [Api(app.test_client(), text).post("/events", json=EVENT).status_code for text in (old, new)] == [401, 401]


def test_the_text_that_was_used_stands_in_the_audit_log(app: Flask) -> None:
    key, old = make_api_key()
    new = key.roll(timedelta(hours=2))
    db.session.commit()
    webhook = make_webhook()
    for text in (old, new):
        Api(app.test_client(), text).get(f"/webhooks/{webhook.id}/secret")
    actors = db.session.scalars(db.select(AuditEntry.actor).order_by(AuditEntry.id)).all()
    assert actors == [f"key {old[:11]}…", f"key {new[:11]}…"]


def test_a_key_over_its_rate_gets_429_and_the_time_to_wait(app: Flask) -> None:
    api = Api(app.test_client(), make_api_key(rate_per_minute=2)[1])
    other = Api(app.test_client(), make_api_key()[1])
    with time_machine.travel("2026-11-23T10:00:20Z", tick=False):
        answers = [api.post("/events", json=EVENT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].content_type == "application/problem+json"
    assert answers[2].headers["Retry-After"] == "40"
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert other.post("/events", json=EVENT).status_code == 202


def test_while_redis_is_down_requests_are_still_limited_to_the_rate(app: Flask, tmp_path: Path) -> None:
    app.config["RATELIMIT_STORAGE_URI"] = f"redis+unix://{tmp_path / 'nobody.sock'}"
    limiter.init_app(app)
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))
    api = Api(app.test_client(), make_api_key(rate_per_minute=1)[1])
    with time_machine.travel("2026-11-23T10:00:20Z", tick=False):
        assert [api.post("/events", json=EVENT).status_code for _ in range(2)] == [202, 429]


def test_an_unknown_address_gets_404_in_the_same_shape(api: Api) -> None:
    response = api.get("/nothing")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.get_json()["errors"] == []


def test_a_wrong_method_gets_405_and_the_allowed_methods(api: Api) -> None:
    response = api.get("/events")
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert "POST" in response.headers["Allow"]
