"""A publisher's trace goes on to the endpoints, and spans go to a collector where one is set."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config import ConfigError, load
from jobs.deliver import deliver
from tests.support.factories import make_api_key, make_webhook
from tests.support.receivers import Receiver, receiving
from tests.support.rig import ROOT
from tests.support.waiting import wait_for
from webhooks_ui import tracing
from webhooks_ui.database import db
from webhooks_ui.models import Event

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = {"type": "license.activated", "data": {"id": 1}}


@dataclass
class Span:
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    began: int
    ended: int
    failed: bool


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiving() as endpoint:
        yield endpoint


@pytest.fixture
def recording(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Record spans, and send them to ``collector``."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setattr(tracing, "_provider", None)
    tracing.configure({"OTLP_ENDPOINT": collector.url})
    yield
    tracing.stop()
    tracing.configure({"OTLP_ENDPOINT": None})


def spans(collector: Receiver) -> list[Span]:
    """Return the spans that the collector got, the oldest first."""
    found = []
    for request in collector.requests:
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found += [_read(span) for span in scope.spans]
    return sorted(found, key=lambda span: span.began)


def _read(span: Any) -> Span:
    attributes = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    times = span.start_time_unix_nano, span.end_time_unix_nano
    return Span(span.name, *ids, attributes, *times, span.status.code == 2)


def publish(client: FlaskClient, traceparent: str | None) -> str:
    _, key = make_api_key()
    headers = {"Authorization": f"Bearer {key}"} | ({"traceparent": traceparent} if traceparent is not None else {})
    answer = client.post("/api/v1/events", data=json.dumps(EVENT), headers=headers)
    assert answer.status_code == 202
    return str(answer.get_json()["id"])


def test_without_a_collector_the_trace_of_the_publisher_is_sent_on(client: FlaskClient, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    publish(client, GIVEN)
    deliver()
    (request,) = receiver.requests
    assert request.headers["traceparent"] == GIVEN


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "nonsense",
        GIVEN.replace("00-", "ff-", 1),
        GIVEN.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        GIVEN.upper(),
        GIVEN + "-more",
        "x" * 10_000,
    ],
)
def test_what_is_no_trace_is_not_sent_on(client: FlaskClient, receiver: Receiver, given: str | None) -> None:
    make_webhook(url=receiver.url)
    publish(client, given)
    deliver()
    (request,) = receiver.requests
    assert "traceparent" not in request.headers
    db.session.rollback()
    assert db.session.scalars(db.select(Event.traceparent)).one() is None


def test_publish_claim_and_send_are_spans_of_the_publishers_trace(
    client: FlaskClient, receiver: Receiver, collector: Receiver, recording: None
) -> None:
    receiver.answers = [(500, {}, b"")]
    webhook = make_webhook(url=receiver.url)
    began = time.time_ns()
    event = publish(client, GIVEN)
    deliver()
    tracing.stop()
    publish_span, claim, send = wait_for(lambda: spans(collector))
    assert [span.name for span in (publish_span, claim, send)] == ["publish", "claim", "send"]
    assert {span.trace for span in (publish_span, claim, send)} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert publish_span.parent == "00f067aa0ba902b7"
    assert (claim.parent, send.parent) == (publish_span.id, claim.id)
    assert send.failed
    assert send.attributes["webhooks.event.id"] == event
    assert send.attributes["webhooks.webhook.id"] == webhook.id
    assert send.attributes["http.response.status_code"] == 500
    assert send.attributes["webhooks.outcome"] == send.attributes["error.type"] == "bad_status"
    assert began <= publish_span.began <= publish_span.ended <= claim.ended
    assert send.began <= send.ended <= time.time_ns()
    (request,) = receiver.requests
    assert request.headers["traceparent"] == f"00-{send.trace}-{send.id}-01"
    assert receiver.url not in str(send.attributes)  # a URL may hold a token


def test_an_event_without_a_trace_begins_one(
    client: FlaskClient, receiver: Receiver, collector: Receiver, recording: None
) -> None:
    make_webhook(url=receiver.url)
    publish(client, None)
    deliver()
    tracing.stop()
    found = wait_for(lambda: spans(collector))
    assert [span.name for span in found] == ["publish", "claim", "send"]
    assert len({span.trace for span in found}) == 1
    assert found[0].parent == ""


def test_a_trace_that_its_publisher_does_not_sample_is_sent_on_but_not_recorded(
    client: FlaskClient, receiver: Receiver, collector: Receiver, recording: None
) -> None:
    make_webhook(url=receiver.url)
    publish(client, GIVEN[:-2] + "00")
    deliver()
    tracing.stop()
    assert receiver.requests[0].headers["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert receiver.requests[0].headers["traceparent"].endswith("-00")
    assert spans(collector) == []


def test_a_collector_that_is_away_delays_nothing(
    client: FlaskClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(tracing, "_provider", None)
    tracing.configure({"OTLP_ENDPOINT": "http://127.0.0.1:9"})
    try:
        make_webhook(url=receiver.url)
        publish(client, GIVEN)
        deliver()
        assert len(receiver.requests) == 1
    finally:
        tracing.configure({"OTLP_ENDPOINT": None})


def test_nothing_that_records_is_imported_without_a_collector(tmp_path: Path) -> None:
    code = "import sys, wsgi; sys.exit('opentelemetry.exporter' in sys.modules)"
    environment = os.environ | {"INSTANCE_PATH": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0


def test_missing_packages_are_told_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"requirements-otel\.txt"):
        tracing.configure({"OTLP_ENDPOINT": "http://localhost:4318"})
    assert not tracing.is_on()


@pytest.mark.parametrize("url", ["localhost:4318", "grpc://x", "http://"])
def test_a_collector_that_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_ENDPOINT must be the address"):
        load({"INSTANCE_PATH": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": url})
