"""Traces: keeps a publisher's ``traceparent``, and sends spans by OpenTelemetry where a collector is set.

The packages of OpenTelemetry are an optional extra (``requirements-otel.txt``). They are imported only if
OTEL_EXPORTER_OTLP_ENDPOINT is set. OpenTelemetry reads its further settings, such as OTEL_TRACES_SAMPLER, by itself.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from config import ConfigError
from webhooks_ui import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")  # W3C Trace Context, 3.2
SERVICE = "keymanager-webhooks"

_lock = threading.Lock()
_preset = threading.local()
_is_on = False
_provider: "TracerProvider | None" = None


class Trace(NamedTuple):
    """What an attempt knows about its trace."""

    sent_on: str | None = None  # the traceparent that the endpoint gets
    parent: str | None = None  # of the span of the request, if spans are recorded


NO_TRACE = Trace()


def configure(settings: Mapping[str, Any]) -> None:
    """Record spans if ``OTLP_ENDPOINT`` is set. Nothing is imported and no thread is started before the first span.

    Raises:
        config.ConfigError: The packages of OpenTelemetry are missing.
    """
    global _is_on
    wanted = bool(settings["OTLP_ENDPOINT"])
    if wanted and not (find_spec("opentelemetry") and find_spec("opentelemetry.sdk")):
        raise ConfigError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed. "
            "Run: .venv/bin/pip install --requirement requirements-otel.txt"
        )
    _is_on = wanted


def is_on() -> bool:
    """Return True if spans are recorded."""
    return _is_on


def valid(traceparent: str | None) -> str | None:
    """Return ``traceparent`` if it is one, else ``None``."""
    return traceparent if traceparent and TRACEPARENT.fullmatch(traceparent) else None


def trace_id(traceparent: str | None) -> str | None:
    """Return the id of the trace, for the log."""
    found = TRACEPARENT.fullmatch(traceparent or "")
    return found.group(1) if found else None


@contextmanager
def publishing(given: str | None, attributes: Mapping[str, Any]) -> Iterator[str | None]:
    """Record the block as the span ``publish``. Yield the traceparent to keep with the events.

    Args:
        given: the publisher's header ``traceparent``. It is kept as it is if no spans are recorded.
    """
    given = valid(given)
    if not _is_on:
        yield given
        return
    from opentelemetry.trace import SpanKind

    tracer = provider().get_tracer(__name__, __version__)
    with tracer.start_as_current_span(
        "publish", _context(given), SpanKind.PRODUCER, attributes=dict(attributes)
    ) as span:
        yield _text(span.get_span_context())


def claimed(kept: str | None, began_ns: int, ended_ns: int, attributes: Mapping[str, Any]) -> Trace:
    """Record the span ``claim``, which ends now. Return the trace of the request that follows.

    Args:
        kept: the traceparent of the event.
        began_ns: when the claim began, in Unix nanoseconds.
    """
    span = _tracer().start_span("claim", _context(kept), attributes=dict(attributes), start_time=began_ns)
    span.end(ended_ns)
    context = span.get_span_context()
    request_id = provider().id_generator.generate_span_id()
    sent_on = f"00-{context.trace_id:032x}-{request_id:016x}-{context.trace_flags:02x}"
    return Trace(sent_on, _text(context))


def sent(trace: Trace, began_ns: int, ended_ns: int, attributes: Mapping[str, Any], error: str | None) -> None:
    """Record the span ``send`` of a request that is over, with the id that the endpoint got.

    Args:
        error: the outcome, if the endpoint didn't take the event.
    """
    from opentelemetry.trace import SpanKind, Status, StatusCode

    found = TRACEPARENT.fullmatch(trace.sent_on or "")
    _preset.span_id = int(found.group(2), 16) if found else None
    span = _tracer().start_span(
        "send", _context(trace.parent), SpanKind.CLIENT, attributes=dict(attributes), start_time=began_ns
    )
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
    span.end(ended_ns)


def stop() -> None:
    """Send the spans that are left."""
    if _provider:
        _provider.shutdown()


def provider() -> "TracerProvider":
    """Return the source of all spans of this process. The first call makes it."""
    global _provider
    with _lock:
        if _provider is None:
            _provider = _make_provider()
        return _provider


def _make_provider() -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """Random ids, but for spans whose id was given away before they were recorded."""

        def generate_span_id(self) -> int:
            given: int | None = getattr(_preset, "span_id", None)
            _preset.span_id = None
            return given or super().generate_span_id()

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
    made = TracerProvider(resource=Resource.create({"service.version": __version__, **named}), id_generator=Ids())
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def _tracer() -> Any:
    return provider().get_tracer(__name__, __version__)


def _context(traceparent: str | None) -> "Context":
    """Return the context of a span's parent. Without a traceparent the span begins a trace."""
    from opentelemetry import trace
    from opentelemetry.context import Context

    found = TRACEPARENT.fullmatch(traceparent or "")
    if not found:
        return Context()
    ids = int(found.group(1), 16), int(found.group(2), 16)
    parent = trace.SpanContext(*ids, is_remote=True, trace_flags=trace.TraceFlags(int(found.group(3), 16)))
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def _text(context: Any) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
