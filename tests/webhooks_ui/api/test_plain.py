"""Plain publications: which requests are plain, and that their answers are those of the view."""

import contextvars
import io
import json
import logging
import threading
import time
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app

from jobs.publish import publish as publish_events
from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.api import plain
from webhooks_ui.database import db, postgresql_patience
from webhooks_ui.database.for_requests import be_for_requests
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import ApiKey, Event, OwnEventType, utcnow

EVENT = {"type": "license.activated", "data": {"license": {"id": "lic_1"}}}
PEER = "203.0.113.9"


@pytest.fixture
def key(app: Flask) -> str:
    """A key that this process remembers."""
    text = make_api_key(rate_per_minute=100_000)[1]
    remember(app, text)
    return text


def remember(app: Flask, key: str) -> None:
    """Let this process remember a key whose use was stored just now."""
    for _ in range(2):  # after the first one its use is stored, and the second one reads that
        assert viewed(app, request(key)).startswith(b"HTTP/1.1 202 ACCEPTED\r\n")


def request(key: str, body: Any = EVENT, line: str = "POST /api/v1/events HTTP/1.1", **fields: str | None) -> bytes:
    """Return a publication as bytes. A field that is None is left out."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent: dict[str, str | None] = {
        "Host": "portal.example",
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
    }
    sent |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [line, *(f"{name}: {value}" for name, value in sent.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def viewed(app: Flask, request: bytes, peer: str = PEER) -> bytes:
    """Return what the view answers, without the lines that the web server adds."""
    head, _, body = request.partition(b"\r\n\r\n")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/api/v1/events",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value.strip()
    environ["CONTENT_LENGTH"] = environ.pop("HTTP_CONTENT_LENGTH", "")
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    content, status, headers = run_wsgi_app(app.wsgi_app, environ)
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + b"".join(content)


def published(app: Flask, request: bytes, peer: str = PEER) -> bytes | None:
    """Return the answer to a plain publication. ``None``: the view must answer."""
    found = plain.read(app, request, peer)
    return plain.publish(app, [found])[0] if found else None


def parts(answer: bytes | None) -> tuple[str, dict[str, str], Any]:
    """Return the status, the headers and the content of an answer."""
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), json.loads(body)


def names(answer: bytes) -> list[str]:
    """Return the names of the headers that the application sends."""
    return sorted(parts(answer)[1].keys() - {"Server", "Date", "Connection"})


@pytest.mark.parametrize(
    "settings_",
    [{}, {"TRUSTED_PROXIES": 1}],
    ids=["without a proxy", "behind a proxy"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_answer_is_that_of_the_view(app: Flask, key: str, settings_: dict[str, Any], scheme: str) -> None:
    app.config.update(settings_)
    if settings_:
        from webhooks_ui.web import proxies

        app.wsgi_app = proxies.behind_proxies(app.wsgi_app, 1)  # type: ignore[method-assign]
    make_webhook()
    sent = {"X_Request_Id": "mine", "X_Forwarded_Proto": scheme, "X_Forwarded_For": "198.51.100.7"}
    of_view = parts(viewed(app, request(key, EVENT | {"id": "a"}, **sent)))
    of_plain = parts(published(app, request(key, EVENT | {"id": "b"}, **sent)))
    assert of_plain[0] == of_view[0] == "HTTP/1.1 202 ACCEPTED"
    assert (of_view[2], of_plain[2]) == ({"id": "a", "deliveries": 1}, {"id": "b", "deliveries": 1})
    changing = {"X-RateLimit-Remaining", "Server", "Date", "Connection"}
    for headers in (of_view[1], of_plain[1]):
        assert "X-RateLimit-Remaining" in headers
    assert {name: value for name, value in of_plain[1].items() if name not in changing} == {
        name: value for name, value in of_view[1].items() if name not in changing
    }
    assert ("Strict-Transport-Security" in of_plain[1]) == (bool(settings_) and scheme == "https")
    assert (of_plain[1]["Connection"], of_plain[1]["Server"]) == ("keep-alive", "gunicorn")
    left = [int(headers["X-RateLimit-Remaining"]) for headers in (of_view[1], of_plain[1])]
    assert left[0] - left[1] == 1
    assert db.session.query(Event).count() == 4


def test_the_log_and_the_metrics_tell_the_same(app: Flask, key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    told = []
    for answer in (viewed, published):
        caplog.clear()
        app.extensions["counters"].take()
        answer(app, request(key, EVENT | {"id": f"evt_{answer.__name__}"}, X_Request_Id="mine"))
        lines = [
            (record.name, record.levelname, record.getMessage(), vars(record).get("ids", {}) | {"duration_ms": 0})
            for record in caplog.records
        ]
        for *_, ids in lines:
            ids.pop("event", None)
            ids.pop("bytes", None)
        counts = {(name, labels) for name, labels in app.extensions["counters"].take() if not name.endswith("_bucket")}
        told.append((lines, counts))
    assert told[0] == told[1]
    assert len(told[0][0]) == 2
    assert ("webhooks_http_requests", '["POST","/api/v1/events","202"]') in told[0][1]


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"line": "POST /api/v1/events?a=1 HTTP/1.1"}, EVENT),
        ({"line": "POST /api/v1/events/ HTTP/1.1"}, EVENT),
        ({"line": "POST /api/v1/events HTTP/1.0"}, EVENT),
        ({"line": "POST  /api/v1/events HTTP/1.1"}, EVENT),
        ({"line": "GET /api/v1/events HTTP/1.1"}, EVENT),
        ({"Host": None}, EVENT),
        ({"Host": ""}, EVENT),
        ({"Host": "a b"}, EVENT),
        ({"Host": "user@portal.example"}, EVENT),
        ({"Host": "x" * 300}, EVENT),
        ({"host": "portal.example"}, EVENT),
        ({"content_length": "66"}, EVENT),
        ({"Content_Length": None}, EVENT),
        ({"Content_Length": "1"}, EVENT),
        ({"Content_Length": "0066"}, EVENT),
        ({"Content_Length": "+66"}, EVENT),
        ({"Transfer_Encoding": "chunked"}, EVENT),
        ({"Content_Encoding": "gzip"}, EVENT),
        ({"Expect": "100-continue"}, EVENT),
        ({"Upgrade": "h2c"}, EVENT),
        ({"Connection": "close"}, EVENT),
        ({"Connection": "Upgrade"}, EVENT),
        ({"X Y": "1"}, EVENT),
        ({"X_": "é"}, EVENT),
        ({"X": "a\x00b"}, EVENT),
        ({"X": "a\nb: c"}, EVENT),
        ({"X": "a\r\n folded"}, EVENT),
        ({"X": "a" * 5_000}, EVENT),
        ({"Authorization": None}, EVENT),
        ({"Authorization": "Bearer km_unknown"}, EVENT),
        ({"Authorization": "Basic a21fOg=="}, EVENT),
        ({}, [EVENT]),
        ({}, []),
        ({}, b""),
        ({}, b"{"),
        ({}, b"null"),
        ({}, b'{"type": "license.activated", "type": "license.activated", "data": {}}'),
        ({}, {"data": {}}),
        ({}, {"type": ["license.activated"], "data": {}}),
        ({}, {"type": {}, "data": {}}),
        ({}, {"type": "license.unknown", "data": {}}),
        ({}, {"type": "webhook.disabled", "data": {}}),
        ({}, {"type": "license.activated"}),
        ({}, EVENT | {"data": []}),
        ({}, EVENT | {"id": "a b"}),
        ({}, EVENT | {"timestamp": "yesterday"}),
        ({}, EVENT | {"more": 1}),
        ({}, b'{"type": "license.activated", "data": {"a": 1e999}}'),
        ({}, b'{"type": "license.activated", "data": {"a": "\\ud800"}}'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_not_plain_is_left_to_the_view(app: Flask, key: str, changes: dict[str, Any], body: Any) -> None:
    assert published(app, request(key, body, **changes)) is None
    assert published(app, request(key)) is not None


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"Connection": "Keep-Alive"}, EVENT),
        ({"Content_Type": None}, EVENT),
        ({"Content_Type": "text/plain"}, EVENT),
        ({"Host": "PORTAL.example:443"}, EVENT),
        ({"Host": "[2001:db8::1]:8000"}, EVENT),
        ({"X_Forwarded_For": "198.51.100.7"}, EVENT),
        ({"Cookie": "session=a"}, EVENT),
        ({"X": "\ta "}, EVENT),
        ({}, EVENT | {"id": "given"}),
        ({}, EVENT | {"timestamp": "2026-11-23T10:00:00+02:00"}),
        ({}, b'\xef\xbb\xbf {"type": "license.activated", "data": {"a": 1.50, "\xc3\xa9": "\xf0\x9f\x98\x80"}} '),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_plain_is_accepted_by_the_view_too(app: Flask, key: str, changes: dict[str, Any], body: Any) -> None:
    """What is sent differs in the time only, if the publisher gave none."""
    seen, found = viewed(app, request(key, body, **changes)), published(app, request(key, body, **changes))
    assert parts(seen)[0] == parts(found)[0] == "HTTP/1.1 202 ACCEPTED"
    assert names(seen) == names(found or b"")
    stored = db.session.scalars(db.select(Event.body).order_by(Event.id.desc()).limit(2)).all()
    assert len({bytes(each).partition(b'"data":')[2] for each in stored}) == 1


def test_an_own_type_is_left_to_the_view(app: Flask, key: str) -> None:
    db.session.add(OwnEventType(name="invoice.paid", description="Paid.", example={}, schema=None, check="off"))
    db.session.commit()
    sent = request(key, {"type": "invoice.paid", "data": {}})
    assert published(app, sent) is None
    assert parts(viewed(app, sent))[0] == "HTTP/1.1 202 ACCEPTED"


def test_a_host_that_is_not_allowed_is_left_to_the_view(app: Flask, key: str) -> None:
    app.config["ALLOWED_HOSTS"] = ["portal.example"]
    assert published(app, request(key)) is not None
    assert published(app, request(key, Host="portal.example:8000")) is not None
    assert published(app, request(key, Host="evil.example")) is None
    assert viewed(app, request(key, Host="evil.example")).startswith(b"HTTP/1.1 400 ")


def test_a_key_of_other_scopes_is_left_to_the_view(app: Flask) -> None:
    text = make_api_key(scopes=["webhooks:read"])[1]
    for _ in range(2):
        assert published(app, request(text)) is None
        assert parts(viewed(app, request(text)))[2]["status"] == 403


@pytest.mark.parametrize("change", [{"revoked_at": 0}, {"expires_at": 0}, {"rate_per_minute": 1}, {"scopes": []}])
def test_a_change_of_the_key_holds_from_the_next_request_on(app: Flask, key: str, change: dict[str, Any]) -> None:
    values = {name: utcnow() if name.endswith("_at") else value for name, value in change.items()}
    db.session.execute(db.update(ApiKey).values(values))
    db.session.commit()
    before = db.session.query(Event).count()
    assert published(app, request(key)) is None
    assert parts(viewed(app, request(key)))[2]["status"] in (401, 403, 429)
    assert db.session.query(Event).count() == before


def test_a_key_whose_use_is_to_be_stored_is_left_to_the_view(app: Flask, key: str) -> None:
    db.session.execute(db.update(ApiKey).values(last_used_at=None))
    db.session.commit()
    app.extensions["known_keys"].clear()
    for _ in range(2):
        assert published(app, request(key)) is None
        viewed(app, request(key))
    assert published(app, request(key)) is not None
    assert db.session.scalar(db.select(ApiKey.last_used_from)) == PEER


def test_over_the_rate_the_view_answers(app: Flask) -> None:
    text = make_api_key(rate_per_minute=4)[1]
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)  # the minute must not end meanwhile
    remember(app, text)
    assert parts(published(app, request(text)))[1]["X-RateLimit-Remaining"] == "1"
    found = [plain.read(app, request(text), PEER) for _ in range(3)]
    answers = plain.publish(app, [each for each in found if each])
    assert [answer is not None for answer in answers] == [True, False, False]
    assert parts(viewed(app, request(text)))[2]["status"] == 429
    assert db.session.query(Event).count() == 4
    assert plain.read(app, request(text), PEER) is None


def test_of_a_group_each_is_answered_for_itself(app: Flask, key: str) -> None:
    publish_events("production", [NewEvent("license.activated", {"other": "content"}, "known")])
    before = parts(viewed(app, request(key)))[1]["X-RateLimit-Remaining"]
    bodies = [EVENT | {"id": "a"}, EVENT | {"id": "known"}, EVENT | {"id": "a"}, EVENT, EVENT]
    found = [plain.read(app, request(key, body), PEER) for body in bodies]
    answers = plain.publish(app, [each for each in found if each])
    assert [answer is not None for answer in answers] == [True, False, True, True, True]
    ids = [parts(answer)[2]["id"] for answer in answers if answer]
    assert ids[:2] == ["a", "a"]
    assert len(set(ids)) == 3
    conflict = parts(viewed(app, request(key, EVENT | {"id": "known"})))
    assert conflict[2]["status"] == 409
    assert int(before) - int(conflict[1]["X-RateLimit-Remaining"]) == 5  # the conflict was counted once


def test_a_trace_goes_on_with_the_event(app: Flask, key: str) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    published(app, request(key, EVENT | {"id": "traced"}, traceparent=trace))
    published(app, request(key, EVENT | {"id": "untraced"}, traceparent="nonsense"))
    stored = dict(db.session.execute(db.select(Event.public_id, Event.traceparent)).all())
    assert (stored["traced"], stored["untraced"]) == (trace, None)


class TestPostgreSql:
    """The same app on PostgreSQL."""

    @pytest.fixture
    def database_url(self, postgresql_url: str) -> str:
        return postgresql_url

    def test_a_server_that_hangs_is_not_waited_for_longer_than_by_the_view(
        self, app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_patience, "ANSWER_SECONDS", 0.3)
        publisher = contextvars.copy_context()
        publisher.run(be_for_requests)
        with db.engine.connect().execution_options(writes=True) as other, other.begin() as transaction:
            other.execute(db.text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
            ends = threading.Timer(10, transaction.rollback)
            ends.start()
            status, headers, body = parts(publisher.run(published, app, request(key)))
            ends.cancel()
        assert (status, headers["Retry-After"]) == ("HTTP/1.1 503 SERVICE UNAVAILABLE", "5")
        assert body["detail"].startswith("The database isn't responding.")
        assert parts(published(app, request(key)))[0] == "HTTP/1.1 202 ACCEPTED"


LINES = st.one_of(
    st.sampled_from(
        [
            "X: a",
            "x: b",
            "X : a",
            "X",
            "",
            " X: a",
            "\tfolded",
            ": a",
            "X:",
            "X_Y: 1",
            "Host: b",
            "Content-Length: 5",
            "Content-Length:\x0b66",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding : chunked",
            "Connection: keep-alive",
            "Connection: close, keep-alive",
            "X: a\rHost: b",
            "X: a\nHost: b",
            "X: a\x85b",
            "X: a\u0000",
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=30),
)


@given(
    lines=st.lists(LINES, max_size=4), place=st.integers(0, 4), behind=st.sampled_from([b"", b"x", b"POST / HTTP/1.1"])
)
@example(lines=["X"], place=1, behind=b"")
@example(lines=[f"X-{number}:" for number in range(98)], place=4, behind=b"")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_gunicorn_reads_the_same_in_what_is_plain(
    app: Flask, key: str, lines: list[str], place: int, behind: bytes
) -> None:
    head, _, body = request(key).partition(b"\r\n\r\n")
    first, *usual = head.split(b"\r\n")
    sent = [first, *usual[:place], *(line.encode("latin-1") for line in lines), *usual[place:]]
    whole = b"\r\n".join([*sent, b"", b""]) + body + behind
    if plain.read(app, whole, PEER) is None:
        return
    try:
        parsed = next(RequestParser(Config(), iter([whole]), (PEER, 1)))
    except ParseException as error:
        pytest.fail(f"gunicorn refuses {whole!r}: {error!r}")
    names = [name for name, _ in parsed.headers]
    assert len(names) == len(set(names)) == len(usual) + len(lines)
    assert {"HOST", "AUTHORIZATION", "CONTENT-LENGTH"} <= {*names}
    assert (parsed.method, parsed.uri, parsed.should_close()) == ("POST", "/api/v1/events", False)
    assert parsed.body.read() == body + behind
