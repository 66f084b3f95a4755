"""The public address of an inspector. Whoever knows the token may send any request, and gets the answer that was set.

Nothing that was received is ever sent back. There is no session, no cookie and no CSRF token.
"""

import threading
import time
from contextlib import AbstractContextManager, nullcontext

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import RequestEntityTooLarge

from webhooks_ui.database import release, write_transaction
from webhooks_ui.database.windows import Windows
from webhooks_ui.models import Inspector
from webhooks_ui.web.extensions import csrf
from webhooks_ui.web.places import place_in
from webhooks_ui.webhooks import inspectors
from webhooks_ui.webhooks.inspected import Answer, head_of, keep

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REQUESTS_PER_SECOND = 10  # to one inspector. Others aren't stored
SLOW_MAX = 2  # answers that wait at the same time, in one process
WITH_RETRY_AFTER = (429, 503)
TYPE = "text/plain; charset=utf-8"

blueprint = Blueprint("inspect", __name__)


@blueprint.record_once
def prepare(state: BlueprintSetupState) -> None:
    """Let so many answers wait that other requests find a thread: at most half of the threads."""
    most = min(SLOW_MAX, state.app.config["WEB_THREADS"] // 2)
    state.app.extensions["slow_answers"] = threading.BoundedSemaphore(most)


@csrf.exempt  # type: ignore[untyped-decorator]
@blueprint.route(f"{inspectors.PATH}<token>", methods=METHODS, provide_automatic_options=False)
def receive(token: str) -> Response:
    inspector = inspectors.find(token)
    if inspector is None:
        return _plain(404, "There is no inspector at this address. It was deleted, or it has ended.")
    if _is_too_fast(inspector.id):
        return _plain(429, f"An inspector takes {REQUESTS_PER_SECOND} requests a second.", retry_after_seconds=1)
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        return _plain(413, "The body is too large.")
    inspector_id, wanted = inspector.id, _wanted(inspector)
    head = head_of(request.query_string.decode("latin-1"), list(request.headers), request.remote_addr or "")
    release()  # while the answer waits, no transaction is open
    with _place(wanted.delay_seconds) as has_place:
        answer = wanted if has_place else _busy(wanted.delay_seconds)
        with write_transaction() as connection:
            kept = keep(connection, inspector_id, request.method, head, body, answer)
        if kept is None:
            return _plain(404, "The inspector at this address was deleted.")
        if answer.delay_seconds:
            pause(answer.delay_seconds)
    return _plain(answer.code, answer.body, answer.retry_after_seconds)


def pause(seconds: int) -> None:
    """Wait before a slow answer."""
    time.sleep(seconds)


def _wanted(inspector: Inspector) -> Answer:
    """Return the answer that the owner set."""
    retry_after = inspector.retry_after_seconds if inspector.code in WITH_RETRY_AFTER else None
    return Answer(inspector.code, inspector.delay_seconds, retry_after, inspector.body)


def _busy(delay_seconds: int) -> Answer:
    text = "Too many slow answers are under way. This one didn't wait."
    return Answer(503, 0, delay_seconds, text, was_busy=True)


def _place(delay_seconds: int) -> AbstractContextManager[bool]:
    """Yield True if the answer may wait. It has a place among those that wait until the end of the block."""
    return place_in(current_app.extensions["slow_answers"]) if delay_seconds else nullcontext(True)


def _is_too_fast(inspector_id: int) -> bool:
    """Count a request. Return True if there were too many in this second."""
    counter = f"webhooks/inspect/{inspector_id}/{int(time.time())}"
    windows: Windows = current_app.extensions["windows"]
    return windows.add(counter, 1, 2).total > REQUESTS_PER_SECOND


def _plain(code: int, body: str, retry_after_seconds: int | None = None) -> Response:
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return Response("" if code == 204 else body, code, headers, content_type=TYPE)
