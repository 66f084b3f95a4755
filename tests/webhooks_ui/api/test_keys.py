"""The API lets in only valid keys that are within their rate."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key, make_webhook
from tests.support.locks import locked
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui import api_keys
from webhooks_ui.api import known_keys
from webhooks_ui.database import db, write_transaction
from webhooks_ui.database import redis as redis_client
from webhooks_ui.models import ApiKey, AuditEntry, utcnow
from webhooks_ui.web.extensions import limiter

EVENT = {"type": "license.activated", "data": {"id": "1"}}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer km_wrong",
        "Bearer a=b",
        "Bearer ÿ\x7f",
        "Bearer a b",
        "Basic a206eA==",
        "Basic ÿ",
        "km_wrong",
    ],
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


START = datetime(2026, 11, 23, 10, 0, 10, tzinfo=UTC)
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], list[int]]] = {
    "it may do less": ({}, {"scopes": ["webhooks:read"]}, [202, 403]),
    "it may do more": ({"scopes": ["webhooks:read"]}, {"scopes": ["events:write"]}, [403, 202]),
    "its end is over": ({}, {"expires_at": START}, [202, 401]),
    "its end is later": (
        {"expires_at": START + timedelta(seconds=1)},
        {"expires_at": START + timedelta(days=9)},
        [202, 202],
    ),
    "it may do fewer requests": ({}, {"rate_per_minute": 1}, [202, 429]),
    "it may do more requests": ({"rate_per_minute": 1}, {"rate_per_minute": 10}, [202, 202]),
    "it is revoked": ({}, {"revoked_at": START}, [202, 401]),
}


@pytest.mark.parametrize("event", [EVENT, {"type": "Wrong", "data": {}}], ids=["event", "wrong event"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_key_holds_from_the_next_request_on(app: Flask, change: str, event: dict[str, Any]) -> None:
    """The process remembers the key by then, because its second request rests on what the first one read."""
    before, after, expected = CHANGES[change]
    api = Api(app.test_client(), make_api_key(**before)[1])
    with time_machine.travel(START, tick=False) as clock:
        statuses = [api.post("/events", json=EVENT).status_code]
        statuses += [api.post("/events", json=EVENT).status_code] if not before else []
        db.session.rollback()
        with write_transaction() as connection:  # as another process would
            connection.execute(update(ApiKey).values(**after))
        clock.shift(2)
        answer = api.post("/events", json=event)
    assert statuses[-1] == expected[0]
    assert answer.status_code == (422 if expected[1] == 202 and event is not EVENT else expected[1])


def test_of_a_key_that_is_remembered_both_texts_are_told_apart(app: Flask) -> None:
    key, old = make_api_key()
    new = key.roll(timedelta(hours=2))
    db.session.commit()
    before, after = Api(app.test_client(), old), Api(app.test_client(), new)
    for api in (before, after) * 3:
        assert api.post("/events", json=EVENT).status_code == 202
    api_keys.end_older(key)
    db.session.commit()
    assert [api.post("/events", json=EVENT).status_code for api in (before, after)] == [401, 202]


def test_only_publishing_goes_by_what_is_remembered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(app.test_client(), make_api_key()[1])
    found: list[str] = []
    find = known_keys.find

    def noted(digest: str) -> known_keys.Caller | None:
        found.append(digest)
        return find(digest)

    monkeypatch.setattr("webhooks_ui.api.keys.find", noted)

    def finds(send: Callable[[], TestResponse]) -> int:
        found.clear()
        assert send().status_code in (200, 202, 422)
        return len(found)

    event = {"type": "Wrong", "data": {}}
    assert [finds(lambda: api.post("/events", json=EVENT)) for _ in range(4)] == [1, 1, 0, 0], "the first use is stored"
    assert finds(lambda: api.get("/webhooks")) == 1
    assert finds(lambda: api.post("/events", json=event)) == 1


def test_no_more_than_so_many_keys_are_remembered(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_keys, "KEYS_MAX", 2)
    for _ in range(3):
        assert Api(app.test_client(), make_api_key()[1]).post("/events", json=EVENT).status_code == 202
    assert len(app.extensions["known_keys"]) == 1


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
