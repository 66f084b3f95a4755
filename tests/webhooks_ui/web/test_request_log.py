"""Each request is one line in the log, has an id, and shows no secret."""

import logging
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.web import request_log


class Lines:
    """The lines about requests."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def all(self) -> list[logging.LogRecord]:
        return [record for record in self._caplog.records if record.name == request_log.__name__]

    @property
    def last(self) -> logging.LogRecord:
        return self.all[-1]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    caplog.set_level(logging.INFO, logger=request_log.__name__)
    return Lines(caplog)


def ids(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = record.ids  # type: ignore[attr-defined]
    return found


def test_a_request_is_one_line_with_route_status_time_and_client(admin: FlaskClient, lines: Lines) -> None:
    webhook = make_webhook()
    admin.get(f"/admin/webhooks/{webhook.id}?q=somebody's+search")
    line = lines.last
    assert line.message == f"GET /admin/webhooks/{webhook.id} 200"
    about = ids(line)
    assert about["route"] == "/admin/webhooks/<int:webhook_id>"
    assert (about["status"], about["client"], about["actor"]) == (200, "127.0.0.1", "admin@example.com")
    assert about["duration_ms"] > 0
    assert about["bytes"] > 0


def test_the_line_of_an_api_request_names_its_key_but_not_the_whole(client: FlaskClient, lines: Lines) -> None:
    key, text = make_api_key()
    client.get("/api/v1/webhooks", headers={"Authorization": f"Bearer {text}"})
    assert ids(lines.last)["actor"] == f"key {key.prefix}…"
    assert text not in str(ids(lines.last))


def test_an_answer_has_the_id_of_its_request(client: FlaskClient) -> None:
    made = client.get("/healthz").headers["X-Request-Id"]
    assert re.fullmatch(r"req_[0-9a-f]{16}", made)
    assert client.get("/healthz").headers["X-Request-Id"] != made
    assert client.get("/healthz", headers={"X-Request-Id": "trace-7/a"}).headers["X-Request-Id"] == "trace-7/a"


@given(given_id=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=90))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_id_that_could_confuse_the_log_is_replaced(client: FlaskClient, given_id: str) -> None:
    environ = {"HTTP_X_REQUEST_ID": given_id.encode("utf-8").decode("latin-1")}
    answer = client.get("/healthz", environ_overrides=environ)
    assert re.fullmatch(r"[A-Za-z0-9_.:/+=-]{1,64}", answer.headers["X-Request-Id"])


def test_what_is_asked_all_the_time_is_not_told(client: FlaskClient, lines: Lines) -> None:
    client.get("/healthz")
    client.get("/assets/favicon.svg")
    assert lines.all == []


def test_a_path_without_a_page_is_told_only_by_its_beginning(client: FlaskClient, lines: Lines) -> None:
    client.get("/nothing/s3cr3t-token")
    assert lines.last.message == "GET /nothing… 404"


def test_parts_of_a_path_that_are_no_numbers_are_left_out(app: Flask, lines: Lines) -> None:
    app.add_url_rule("/reset/<token>/<int:step>", "reset", lambda token, step: "")
    app.test_client().get("/reset/s3cr3t/2")
    assert lines.last.message == "GET /reset/<token>/2 200"


def test_an_error_is_told_with_its_id_and_so_is_the_page(app: Flask, lines: Lines) -> None:
    def fail() -> str:
        raise RuntimeError("boom")

    app.add_url_rule("/fails", "fails", fail)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/fails")
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    assert [line.message for line in lines.all] == ["GET /fails 500"]
