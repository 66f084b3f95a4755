from datetime import timedelta

import pytest
import time_machine
from redis import Redis

from tests.support.factories import make_api_key
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, utcnow
from webhooks_ui.web.extensions import limiter

EVENT = {"type": "license.activated", "data": {"id": "1"}}


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer km_wrong", "Basic a206eA==", "km_wrong", "Bearer ÿ\x7f", "Bearer a b"],
)
def test_without_a_good_key_the_answer_is_401_and_says_how(app, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    response = app.test_client().post("/api/v1/events", json=EVENT, headers=headers)
    assert (response.status_code, response.content_type) == (401, "application/problem+json")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_revoked_key_gets_401_at_once(app, api):
    assert api.post("/events", json=EVENT).status_code == 202
    db.session.scalars(db.select(ApiKey)).one().revoked_at = utcnow()
    db.session.commit()
    assert api.post("/events", json=EVENT).status_code == 401


def test_the_last_use_is_kept_to_the_minute(app, api):
    def last_used_at():
        db.session.rollback()
        return db.session.scalars(db.select(ApiKey.last_used_at)).one()

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


def test_over_its_rate_a_key_gets_429_and_is_told_when_to_come_back(app):
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


def test_redis_being_down_lets_requests_in_up_to_the_rate(app, tmp_path):
    app.config["RATELIMIT_STORAGE_URI"] = f"redis+unix://{tmp_path / 'nobody.sock'}"
    limiter.init_app(app)
    app.extensions["redis"] = Redis(unix_socket_path=str(tmp_path / "nobody.sock"))
    api = Api(app.test_client(), make_api_key(rate_per_minute=1)[1])
    with time_machine.travel("2026-11-23T10:00:20Z", tick=False):
        assert [api.post("/events", json=EVENT).status_code for _ in range(2)] == [202, 429]


def test_an_address_that_is_none_gets_404_in_the_same_shape(api):
    response = api.get("/nothing")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.json["errors"] == []


def test_a_wrong_method_gets_405_and_the_right_ones(api):
    response = api.get("/events")
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert "POST" in response.headers["Allow"]
