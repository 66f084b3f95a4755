"""The public address of an inspector: it takes anything within limits, and gives back what its owner set."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from config import load
from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_user
from webhooks_ui import create_app
from webhooks_ui.database import db, writing
from webhooks_ui.models import InspectedRequest, Inspector, utcnow
from webhooks_ui.views.inspectors import receiving
from webhooks_ui.web.headers import HEADERS
from webhooks_ui.webhooks import inspected, inspectors

TOKEN = "t" * 32
ADDRESS = f"/inspect/{TOKEN}"


@pytest.fixture
def inspector(app: Flask) -> Inspector:
    return make_inspector()


def make_inspector(**fields: object) -> Inspector:
    """Make an inspector of a new admin."""
    user = make_user(f"{fields.get('token', TOKEN)}@example.com")
    inspector = Inspector(**{"user_id": user.id, "name": "Mine", "token": TOKEN} | fields)
    db.session.add(inspector)
    db.session.commit()
    return inspector


def kept() -> list[InspectedRequest]:
    db.session.rollback()
    return list(db.session.scalars(db.select(InspectedRequest).order_by(InspectedRequest.id)))


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any number of requests come in a second."""
    monkeypatch.setattr(receiving, "REQUESTS_PER_SECOND", 1_000_000)


@pytest.mark.usefixtures("inspector")
@pytest.mark.parametrize("method", receiving.METHODS)
def test_any_method_gets_the_answer_and_is_kept(app: Flask, method: str) -> None:
    answer = app.test_client().open(f"{ADDRESS}?a=%3Cb%3E", method=method, data=b"\x00\xff", headers={"X-A": "1"})
    assert (answer.status_code, answer.data) == (200, b"")
    (request,) = kept()
    head = inspected.opened(request)
    assert head
    assert (request.method, request.body, request.code, head.query) == (method, b"\x00\xff", 200, "a=%3Cb%3E")
    assert head.by_name["x-a"] == "1"


@pytest.mark.parametrize("code", [200, 204, 302, 410, 429, 500, 503])
def test_the_answer_is_the_one_that_was_set_as_plain_text(app: Flask, code: int) -> None:
    make_inspector(code=code, body="<b>mine</b>", retry_after_seconds=30)
    answer = app.test_client().post(ADDRESS, data=b"<script>theirs</script>")
    assert answer.status_code == code
    assert answer.text == ("" if code == 204 else "<b>mine</b>")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers.get("Retry-After") == ("30" if code in (429, 503) else None)
    assert [answer.headers.get(name) for name in HEADERS] == list(HEADERS.values())
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("inspector")
def test_an_unknown_token_gets_404_and_nothing_is_kept(app: Flask) -> None:
    for token in ("x", "t" * 31, "T" * 32, "x" * 3_000):
        answer = app.test_client().post(f"/inspect/{token}", data=b"<script>")
        assert answer.status_code == 404
        assert answer.mimetype == "text/plain"
        assert token not in answer.text
    assert kept() == []


@pytest.mark.usefixtures("inspector")
def test_what_can_be_no_token_gets_the_404_of_any_address(app: Flask) -> None:
    for token in ("%00", f"{TOKEN}%00", f"{TOKEN}%0A"):
        assert app.test_client().post(f"/inspect/{token}", data=b"<script>").status_code == 404
    assert kept() == []


def test_the_inspector_of_somebody_who_left_gets_nothing(app: Flask, inspector: Inspector) -> None:
    db.session.execute(text("UPDATE users SET deactivated_at = created_at"))
    db.session.commit()
    assert app.test_client().post(ADDRESS).status_code == 404
    assert kept() == []


@pytest.mark.usefixtures("inspector")
def test_there_is_no_session_no_cookie_and_no_csrf_token(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    client.get("/login")
    assert client.get_cookie("session")
    answer = client.post(ADDRESS, data={"any": "form"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert kept()[0].body == b"any=form"


@pytest.mark.usefixtures("inspector", "unhurried")
def test_only_the_last_hundred_requests_are_kept(app: Flask) -> None:
    client = app.test_client()
    for number in range(inspected.REQUESTS_MAX + 3):
        client.post(ADDRESS, data=str(number))
    bodies = [request.body for request in kept()]
    assert bodies == [str(number).encode() for number in range(3, inspected.REQUESTS_MAX + 3)]


@pytest.mark.usefixtures("inspector", "unhurried")
def test_large_bodies_are_cut_and_older_ones_make_room(app: Flask) -> None:
    client = app.test_client()
    most = inspected.BODIES_MAX_BYTES // inspected.BODY_MAX_BYTES
    for _ in range(most + 2):
        assert client.post(ADDRESS, data=b"x" * (inspected.BODY_MAX_BYTES + 1)).status_code == 200
    requests = kept()
    assert len(requests) == most
    assert {len(request.body) for request in requests} == {inspected.BODY_MAX_BYTES}
    assert {request.body_bytes for request in requests} == {inspected.BODY_MAX_BYTES + 1}
    assert all(request.is_cut for request in requests)


@pytest.mark.usefixtures("inspector")
def test_a_body_over_the_limit_of_the_server_is_refused_in_plain_text(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1_000
    answer = app.test_client().post(ADDRESS, data=b"x" * 1_001)
    assert (answer.status_code, answer.mimetype) == (413, "text/plain")
    assert kept() == []


@pytest.mark.usefixtures("inspector")
def test_headers_are_kept_as_far_as_there_is_room_and_encrypted(app: Flask) -> None:
    headers = {"A-Password": "planted-4711"} | {f"X-{number:02}": "v" * 1_000 for number in range(30)}
    app.test_client().post(f"{ADDRESS}?planted-query", headers=headers)
    (request,) = kept()
    head = inspected.opened(request)
    assert head
    sizes = sum(len(name) + len(value) for name, value in head.headers) + len(head.query)
    assert sizes <= inspected.HEAD_MAX_CHARACTERS
    assert 12 < head.left_out < 30
    assert len(request.head_encrypted) < 2 * inspected.HEAD_MAX_CHARACTERS
    with db.engine.connect() as connection:
        assert "planted" not in json.dumps(connection.scalar(text("SELECT head_encrypted FROM inspected_requests")))


@pytest.mark.parametrize("redis", ["up", "down"])
def test_more_than_ten_requests_a_second_get_429_and_are_not_kept(
    app: Flask, monkeypatch: pytest.MonkeyPatch, redis: str
) -> None:
    make_inspector()
    make_inspector(token="other")
    client = app.test_client()
    if redis == "down":
        monkeypatch.setitem(
            app.extensions, "redis", create_app(load({"REDIS_URL": "redis://127.0.0.1:9"})).extensions["redis"]
        )
    now = utcnow().replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        codes = [client.post(ADDRESS).status_code for _ in range(12)]
        assert codes == [200] * 10 + [429] * 2
        assert client.post(ADDRESS).headers["Retry-After"] == "1"
        assert client.post("/inspect/other").status_code == 200
    assert len(kept()) == 11
    if redis == "up":
        with time_machine.travel(now + timedelta(seconds=1), tick=False):
            assert client.post(ADDRESS).status_code == 200


@contextmanager
def slow_answers(app: Flask, monkeypatch: pytest.MonkeyPatch, count: int) -> Iterator[list[TestResponse]]:
    """Send ``count`` requests whose answers wait until the end of the block. Yield the list that gets the answers."""
    go_on, waiting, answers = threading.Event(), threading.Semaphore(0), list[TestResponse]()

    def pause(_seconds: int) -> None:
        assert not db.session.registry.has() or not db.session().in_transaction()
        waiting.release()
        assert go_on.wait(60)

    def send() -> None:
        answers.append(app.test_client().post(ADDRESS, data=b"slow"))

    monkeypatch.setattr(receiving, "pause", pause)
    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert waiting.acquire(timeout=60)
        yield answers
    finally:
        go_on.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.usefixtures("unhurried")
def test_slow_answers_are_few_and_what_is_too_much_is_answered_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_inspector(delay_seconds=15, body="late")
    client = app.test_client()
    with slow_answers(app, monkeypatch, receiving.SLOW_MAX) as answers:
        for _ in range(3):
            busy = client.post(ADDRESS, data=b"too much")
            assert (busy.status_code, busy.headers["Retry-After"]) == (503, "15")
            assert "Too many slow answers" in busy.text
        assert client.get("/login").status_code == 200
        assert answers == []
        with writing():  # nothing is locked meanwhile
            db.session.execute(db.update(Inspector).values(delay_seconds=0))
        assert client.post(ADDRESS).status_code == 200  # what is quick needs no place
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "late")] * receiving.SLOW_MAX
    noted = [(request.code, request.delay_seconds, request.was_busy) for request in kept()]
    assert noted == [(200, 15, False)] * 2 + [(503, 0, True)] * 3 + [(200, 0, False)]


@pytest.mark.usefixtures("unhurried")
def test_a_place_is_free_again_after_a_slow_answer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_inspector(delay_seconds=1)
    for _ in range(3):
        with slow_answers(app, monkeypatch, receiving.SLOW_MAX):
            pass
    assert {request.code for request in kept()} == {200}


@pytest.mark.parametrize(("threads", "most"), [(1, 0), (2, 1), (4, 2), (64, 2)])
def test_slow_answers_leave_half_of_the_threads_to_others(settings: dict[str, object], threads: int, most: int) -> None:
    slow = create_app(settings | {"WEB_THREADS": threads}).extensions["slow_answers"]
    taken = 0
    while slow.acquire(blocking=False):
        taken += 1
    assert taken == most


@pytest.mark.usefixtures("inspector")
def test_a_request_to_an_inspector_that_is_deleted_meanwhile_gets_404(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def delete_it(_delay_seconds: int) -> Iterator[bool]:
        with writing():
            inspectors.delete(db.session.scalars(db.select(Inspector)).one())
        yield True

    monkeypatch.setattr(receiving, "_place", delete_it)
    assert app.test_client().post(ADDRESS).status_code == 404
    assert kept() == []
