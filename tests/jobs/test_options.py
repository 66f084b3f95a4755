"""Deliveries go out as the options of their webhook say: headers, authentication, filter, fields, timeout, delays."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from jobs.deliver import deliver
from jobs.hide import hide
from jobs.publish import publish
from jobs.send import Result
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Received, Receiver, raw_receiving, read_request
from tests.support.stored import attempts, the_delivery
from webhooks_ui.database import db, writing
from webhooks_ui.deliveries.display import request_headers
from webhooks_ui.deliveries.outcomes import Outcome
from webhooks_ui.events.formats.answers import QUOTED_MAX_CHARACTERS
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Webhook, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, OwnHeader

HEADER = OwnHeader("X-Tenant", "emea-secret-value")
TOKEN = Auth(AuthKind.BEARER, "", "token-secret-value")
BASIC = Auth(AuthKind.BASIC, "ada", "pass:word-secré")


def set_options(webhook: Webhook, **fields: Any) -> None:
    with writing():
        changes.edit(changes.get(webhook.id), fields)


def limit_reached(**data: Any) -> dict[str, Any]:
    return {"reason": {"code": "limit_reached"}, **data}


ONLY_LIMIT = {
    "match": "all",
    "conditions": [{"field": "reason.code", "operator": "equals", "value": "limit_reached"}],
}


def test_own_headers_and_credentials_are_sent_and_the_log_masks_them(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    set_options(webhook, headers=[HEADER, OwnHeader("X-Region", "west")], auth=BASIC)
    make_event()
    deliver()
    (request,) = receiver.requests
    assert (request.headers["x-tenant"], request.headers["x-region"]) == (HEADER.value, "west")
    credentials = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    assert credentials == f"{BASIC.username}:{BASIC.secret}"
    assert request.headers["webhook-signature"].startswith("v1,")
    (attempt,) = attempts()
    shown = request_headers(the_delivery(), attempt)
    assert attempt.kept_headers == {"X-Tenant": MASK, "X-Region": MASK, "Authorization": MASK}
    assert (shown["X-Tenant"], shown["Authorization"]) == (MASK, MASK)
    assert shown["webhook-id"] == request.headers["webhook-id"]


def test_an_endpoint_that_repeats_what_it_got_brings_no_secret_into_the_log(app: Flask, receiver: Receiver) -> None:
    def repeat(request: Received) -> tuple[int, dict[str, str], bytes]:
        return 200, {"X-Echo": request.headers["x-tenant"]}, json.dumps(request.headers).encode()

    receiver.respond = repeat
    webhook = make_webhook(url=receiver.url)
    set_options(webhook, headers=[HEADER, OwnHeader("X-Quoted", 'say "please" now')], auth=TOKEN)
    make_event()
    deliver()
    (attempt,) = attempts()
    assert ["X-Echo", MASK] in [list(header) for header in attempt.response_headers]
    answered = json.loads(attempt.response_body or b"")
    assert (answered["x-tenant"], answered["x-quoted"], answered["authorization"]) == (MASK, MASK, MASK)


def test_words_of_a_chat_service_that_are_cut_within_a_secret_hold_no_part_of_it(
    app: Flask, receiver: Receiver
) -> None:
    message = "x" * (QUOTED_MAX_CHARACTERS - 9)
    receiver.answers = [(400, {}, json.dumps({"code": 1, "message": message + HEADER.value}).encode())]
    webhook = make_webhook(url=receiver.url, format="discord")
    set_options(webhook, headers=[HEADER])
    make_event()
    deliver()
    (attempt,) = attempts()
    assert attempt.detail == f"Discord says: {message}{MASK}"


def answer_with(body: bytes, *, cut: bool = False) -> Result:
    return Result(Outcome.DELIVERED, utcnow(), 5, response_code=200, response_body=body, response_truncated=cut)


def test_a_password_is_hidden_in_each_way_in_which_an_answer_may_hold_it() -> None:
    credentials = base64.b64encode(b"portal:correct/horse 7").decode()
    secrets = [OwnHeader("Authorization", f"Basic {credentials}")]
    for told in ("correct/horse 7", r"correct\/horse 7", "correct%2Fhorse%207", "correct%2Fhorse+7", credentials):
        body = hide(answer_with(f'{{"got":"{told}"}}'.encode()), secrets).response_body
        assert body == f'{{"got":"{MASK}"}}'.encode()


def test_a_secret_that_is_cut_off_at_the_end_of_a_long_answer_is_hidden() -> None:
    secrets = [OwnHeader("X-Key", "a-very-secret-key")]
    assert hide(answer_with(b"x: a-very-secret-k", cut=True), secrets).response_body == f"x: {MASK}".encode()
    assert hide(answer_with(b"x: a-very-secret-k"), secrets).response_body == b"x: a-very-secret-k"


def test_a_lost_key_is_an_attempt_with_its_own_outcome_until_the_value_is_set_anew(
    app: Flask, receiver: Receiver
) -> None:
    webhook = make_webhook(url=receiver.url)
    set_options(webhook, headers=[HEADER])
    lost = {"name": "X-Tenant", "value_encrypted": Fernet(Fernet.generate_key()).encrypt(b"emea").decode()}
    webhook = changes.get(webhook.id)
    webhook.headers = [lost]
    db.session.commit()
    make_event()
    deliver()
    assert receiver.requests == []
    (attempt,) = attempts()
    assert attempt.outcome == "not_composed"
    assert attempt.response_code is None
    assert "can't be decrypted" in attempt.detail
    assert "Set them anew" in attempt.detail
    assert the_delivery().status == "pending"
    set_options(webhook, headers=[HEADER])
    with time_machine.travel(utcnow() + timedelta(seconds=90), tick=True):
        deliver()
    assert receiver.requests[0].headers["x-tenant"] == HEADER.value
    assert the_delivery().status == "delivered"


def test_a_filter_keeps_events_back_when_they_are_published(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url, filter=ONLY_LIMIT)
    events = [NewEvent("license.activated", data) for data in ({"reason": {"code": "other"}}, {}, limit_reached(n=1))]
    assert [published.deliveries for published in publish("production", events)] == [0, 0, 1]
    deliver()
    assert [json.loads(request.body)["data"] for request in receiver.requests] == [limit_reached(n=1)]


def test_the_filter_of_the_moment_of_publishing_counts(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    make_event(data={"reason": {"code": "other"}})
    set_options(webhook, filter=ONLY_LIMIT)
    deliver()
    assert len(receiver.requests) == 1


def test_fields_are_left_out_and_added_and_numbers_keep_their_literals(app: Flask, receiver: Receiver) -> None:
    fields = {"mode": "leave_out", "paths": ["customer.email", "items.email"], "extra": {"tenant": "emea"}}
    make_webhook(url=receiver.url, fields=fields)
    customer = '{"email":"a@b.example","name":"Ada"}'
    raw = f'{{"n":1.50,"customer":{customer},"items":[{{"email":"x","id":12345678901234567890.10}}]}}'
    publish("production", [NewEvent("license.activated", json.loads(raw), literal=raw)])
    deliver()
    (request,) = receiver.requests
    data = '"data":{"n":1.50,"customer":{"name":"Ada"},"items":[{"id":12345678901234567890.10}],"tenant":"emea"}}'
    assert request.body.decode().endswith(data)
    (attempt,) = attempts()
    assert attempt.request_body == request.body


def test_a_retry_sends_the_fields_of_the_first_attempt(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b""), OK]
    webhook = make_webhook(url=receiver.url, fields={"mode": "keep", "paths": ["n"], "extra": {}})
    make_event(data={"n": 1, "secret": 2})
    deliver()
    set_options(webhook, fields=None)
    with time_machine.travel(utcnow() + timedelta(seconds=90), tick=True):
        deliver()
    first, second = receiver.requests
    assert first.body == second.body
    assert json.loads(first.body)["data"] == {"n": 1}


@pytest.mark.parametrize("own", [1, None])
def test_the_timeout_of_a_webhook_holds_on_a_slow_endpoint(app: Flask, own: int | None) -> None:
    def slowly(peer: Any) -> None:
        read_request(peer)
        time.sleep(2.5)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw_receiving(slowly) as slow:
        make_webhook(url=slow.url, timeout_seconds=own)
        make_event()
        deliver()
    (attempt,) = attempts()
    if own:
        assert attempt.outcome == "timeout"
        assert 900 <= attempt.duration_ms <= 2_000
    else:
        assert attempt.outcome == "delivered"


def test_own_delays_are_followed_to_the_end(app: Flask, receiver: Receiver) -> None:
    receiver.answers = [(500, {}, b"")]
    make_webhook(url=receiver.url, retry_schedule="own", retry_delays=[10, 7_200])
    with time_machine.travel(utcnow(), tick=True) as clock:
        make_event()
        deliver()
        for delay in (10, 7_200):
            delivery = the_delivery()
            assert delivery.due_at is not None
            assert delivery.last_attempt_at is not None
            assert delay - 1 <= (delivery.due_at - delivery.last_attempt_at).total_seconds() <= delay * 1.2 + 1
            clock.move_to(delivery.due_at + timedelta(seconds=1))
            deliver()
    assert (the_delivery().status, len(attempts())) == ("failed", 3)


def test_a_webhook_without_options_sends_the_event_to_the_letter(app: Flask, receiver: Receiver) -> None:
    make_webhook(url=receiver.url)
    event = make_event()
    deliver()
    (request,) = receiver.requests
    assert request.body == event.body
    assert "authorization" not in request.headers
    (attempt,) = attempts()
    assert (attempt.request_body, the_delivery().fields) == (None, None)


def test_no_secret_is_in_the_tables_or_in_redis(app: Flask, receiver: Receiver) -> None:
    webhook = make_webhook(url=receiver.url)
    set_options(webhook, headers=[HEADER], auth=TOKEN)
    set_options(webhook, headers=[OwnHeader("X-Tenant", "another-secret-value")])
    make_event()
    deliver()
    assert receiver.requests
    found = []
    for table in db.metadata.sorted_tables:
        rows = db.session.execute(text(f"SELECT * FROM {table.name}")).all()
        found += [(table.name, value) for row in rows for value in row if b"secret-value" in _as_bytes(value)]
    assert found == []
    redis = app.extensions["redis"]
    kept = [redis.dump(key) or b"" for key in redis.keys("*")]
    assert not any(b"secret-value" in value for value in kept)


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
