"""Plain publications: requests that publish one small event of a built-in type, with a key that the process remembers.

They are the most frequent ones, so they are answered without Flask, and many of them at a time. Whatever is not plain,
and whatever is wrong, is left to the view (``api/events``), which answers the same to those that are plain.
"""

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask
from gunicorn import SERVER
from werkzeug.sansio.utils import get_host

from jobs.publish import publish_each, tell
from jobs.store import Publication, Stored
from webhooks_ui import counting, logs, tracing
from webhooks_ui.api.keys import actor, ended, is_use_due
from webhooks_ui.api.known_keys import Caller, remembered
from webhooks_ui.api.rate import Use, rates_of, use
from webhooks_ui.database import outage
from webhooks_ui.events import strict_json
from webhooks_ui.events.check import WrongEvent, check_event
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Scope, utcnow
from webhooks_ui.models.api_key import digest
from webhooks_ui.web import headers, outages, problem, proxies, request_headers, request_log

METHOD, PATH = "POST", "/api/v1/events"
REQUEST_MAX_BYTES = 16 * 1024  # others wait while one is read
HEAD_MAX_BYTES = 4_096
FIELDS_MAX = 100  # as gunicorn

_LINE = f"{METHOD} {PATH} HTTP/1.1"
_NAME = re.compile(r"[a-z0-9-]+")
_KEY = re.compile(r"[Bb]earer ([A-Za-z0-9_-]+)")
_MEANS_MORE = frozenset({"transfer-encoding", "content-encoding", "expect", "upgrade", "trailer", "te"})

logger = logging.getLogger("webhooks_ui.web.request_log")


class Plain(NamedTuple):
    """A plain publication."""

    caller: Caller
    key: str  # the digest of the text that was sent
    event: NewEvent
    traceparent: str | None
    request_id: str
    client: str
    is_secure: bool
    began: float  # on the clock of ``time.perf_counter``


def read(app: Flask, request: bytes, peer: str) -> Plain | None:
    """Return the publication in a whole ``request``. ``None``: it is not plain. Nothing has happened then.

    The context of ``app`` is needed.

    Args:
        peer: the address of who has sent it.
    """
    began = time.perf_counter()
    if len(request) > REQUEST_MAX_BYTES or tracing.is_on():
        return None
    head, _, body = request.partition(b"\r\n\r\n")
    fields = _fields(head)
    if fields is None or fields.get("content-length") != str(len(body)):
        return None
    seen = _seen(app, fields, peer)
    known = _known(app, fields.get("authorization", ""))
    event = _event(body, known[0].environment) if seen and known else None
    if event is None or seen is None or known is None:
        return None
    traceparent = tracing.valid(fields.get("traceparent"))
    request_id = request_log.id_of(fields.get("x-request-id", ""))
    client, is_secure = seen["REMOTE_ADDR"], seen["wsgi.url_scheme"] == "https"
    return Plain(*known, event, traceparent, request_id, client, is_secure, began)


def publish(app: Flask, plain: Sequence[Plain]) -> list[bytes | None]:
    """Publish each of them, and return the answers. ``None``: nothing is stored of this one, and the view must answer.

    The context of ``app`` is needed.
    """
    uses = [use(app, each.caller.id, each.caller.rate_per_minute) for each in plain]
    publications = [
        Publication(each.caller.environment, [each.event], fact=each.caller.fact, traceparent=each.traceparent)
        for each, used in zip(plain, uses, strict=True)
        if not used.is_over
    ]
    became = iter(publish_each(publications) if publications else ())
    answers = []
    for each, used in zip(plain, uses, strict=True):
        logs.bind(request=each.request_id)
        try:
            answers.append(_answer(app, each, used, None if used.is_over else next(became)))
        finally:
            logs.unbind()
    return answers


def _answer(app: Flask, plain: Plain, used: Use, became: Stored | Exception | None) -> bytes | None:
    if isinstance(became, Stored):
        tell(counting.of(app), plain.caller.environment, became, plain.traceparent)
        result = became.results[0]
        body = json.dumps({"id": result.id, "deliveries": result.deliveries}).encode()
        return _written(app, plain, used, 202, "application/json", body)
    if became and outage(became):  # perhaps the event is stored, so that another try could store it twice
        outages.say(became)
        body = problem.respond(problem.Problem(503)).get_data()
        return _written(app, plain, used, 503, problem.CONTENT_TYPE, body, outages.RETRY_AFTER_SECONDS)
    rates_of(app).give_back(plain.caller.id)
    return None


def _written(
    app: Flask,
    plain: Plain,
    used: Use,
    status: int,
    content_type: str,
    body: bytes,
    retry_after: int | None = None,
) -> bytes:
    """Return the bytes of an answer, which is counted and logged."""
    seconds = time.perf_counter() - plain.began
    request_log.counted(counting.of(app), METHOD, PATH, status, seconds)
    if logger.isEnabledFor(logging.INFO):
        by = actor(plain.caller, plain.key)
        about = request_log.About(METHOD, PATH, PATH, status, seconds, len(body), plain.client, by)
        request_log.write(logging.INFO, about)
    own = {"Content-Length": str(len(body)), **used.headers, request_log.HEADER: plain.request_id}
    own |= {"Retry-After": str(retry_after)} if retry_after else {}
    head = _shared_head(int(time.time()), plain.is_secure, status, content_type)
    return f"{head}{_lines(own)}\r\n".encode("latin-1") + body


@lru_cache(maxsize=8)
def _shared_head(second: int, is_secure: bool, status: int, content_type: str) -> str:
    """Return the status and the headers that all answers of a second have."""
    shared = {"Server": SERVER, "Date": formatdate(second, usegmt=True), "Connection": "keep-alive"}
    shared |= {"Content-Type": content_type, **headers.wanted(is_secure), "Vary": "Accept-Encoding"}
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase.upper()}\r\n{_lines(shared)}"


def _lines(fields: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in fields.items()])


def _fields(head: bytes) -> dict[str, str] | None:
    """Return the headers by their names in small letters. ``None``: one of them needs a closer look."""
    if len(head) > HEAD_MAX_BYTES:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    if first != _LINE or len(lines) > FIELDS_MAX:
        return None
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not (colon and _NAME.fullmatch(name) and value.isascii() and value.isprintable()) or name in fields:
            return None
        fields[name] = value
    stays_open = fields.get("connection", "keep-alive").lower() == "keep-alive"
    return fields if stays_open and "host" in fields and not _MEANS_MORE & fields.keys() else None


def _seen(app: Flask, fields: dict[str, str], peer: str) -> dict[str, Any] | None:
    """Return the environment of WSGI as far as proxies tell it. ``None``: the request is for no site of ours."""
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
    environ: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": fields[name] for name in names if name in fields
    }
    environ |= {"REMOTE_ADDR": peer, "HTTP_HOST": fields["host"], "wsgi.url_scheme": "http"}
    proxies.behind_proxies(lambda _environ, _start: (), app.config["TRUSTED_PROXIES"])(environ, None)
    host = environ["HTTP_HOST"]
    if not request_headers.is_host(host):
        return None
    ours = request_headers.is_ours(get_host(environ["wsgi.url_scheme"], host), app.config["ALLOWED_HOSTS"])
    return environ if ours else None


def _known(app: Flask, authorization: str) -> tuple[Caller, str] | None:
    """Return the key if it may publish, and the digest of the text that was sent."""
    text = _KEY.fullmatch(authorization)
    sent, now = digest(text[1]) if text else "", utcnow()
    found = remembered(sent)
    if not found or Scope.EVENTS_WRITE not in found.scopes or is_use_due(found, sent, now) or ended(found, sent, now):
        return None
    if rates_of(app).is_used_up(found.id, found.rate_per_minute):  # to ask Redis again would keep others waiting
        return None
    return found, sent


def _event(body: bytes, environment: str) -> NewEvent | None:
    try:
        value = strict_json.load_members(body)
        type = value["type"].value if isinstance(value, dict) and "type" in value else None
        return check_event(value, environment) if isinstance(type, str) and type in EVENT_TYPES else None
    except (strict_json.BrokenJson, WrongEvent):
        return None
