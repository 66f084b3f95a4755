"""OAuth: tokens are fetched once for many deliveries, renewed in time, and each way to fail has its own outcome."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs import oauth
from jobs.claim import Claimed
from jobs.compose import Options
from jobs.drain.sending import Sending
from jobs.drain.slots import Slots
from jobs.record import Finished
from jobs.send import Sender
from jobs.target import Target
from jobs.transport.authorities import authorities_file
from tests.jobs.sending import LOOPBACK, forever
from tests.support.receivers import OK, Answer, Received, Receiver, raw_receiving, receiving
from tests.support.token_endpoint import CLIENT_ID, CLIENT_SECRET, TokenEndpoint, answer, giving_tokens
from tests.support.waiting import wait_for
from webhooks_ui.deliveries.outcomes import ADVICE, EXPLANATIONS, Outcome
from webhooks_ui.webhooks.oauth import Grant, OAuthClient
from webhooks_ui.webhooks.own_headers import MASK

EVENT = b'{"type":"license.activated","timestamp":"2026-01-31T12:00:00Z","data":{}}'
UNAUTHORIZED: Answer = (401, {}, b"no")
ids = itertools.count(1)


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    sending = Sending(Sender(LOOPBACK, 64, authorities_file(tmp_path)), Slots(64), 10)
    yield sending
    sending.stop()


@pytest.fixture
def tokens() -> Iterator[TokenEndpoint]:
    with giving_tokens() as endpoint:
        yield endpoint


def oauth_options(token_url: str, secret: str = CLIENT_SECRET, **grant: str) -> Options:
    return Options(oauth=OAuthClient(CLIENT_ID, secret, Grant(token_url, **grant)))


def deliveries(url: str, count: int, options: Options, webhook_id: int = 1, **target: Any) -> list[Claimed]:
    to = Target(webhook_id, url, (b"x" * 32,), None, options=options, **target)
    return [
        Claimed(n, to, f"evt_{n}", "license.activated", "production", EVENT, 1, None, "t")
        for n in itertools.islice(ids, count)
    ]


def finished(sending: Sending, count: int = 1, seconds: float = 15) -> list[Finished]:
    """Wait for ``count`` results, and record them."""
    found: list[Finished] = []
    while len(found) < count:
        _, _, group = sending.receive(seconds)
        assert group
        found += group
        sending.note_recorded(len(group))
    return found


def after(seconds: float, given: Answer) -> Answer:
    """Answer after so many seconds."""
    time.sleep(seconds)
    return given


def carried(receiver: Receiver) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in receiver.requests]


def test_a_token_is_fetched_and_sent_and_its_endpoint_learns_what_is_wanted(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    options = oauth_options(tokens.url, scope="events:write other", audience="orders", resource="https://api.example/")
    sending.add(deliveries(receiver.url, 1, options))
    ((delivery, request, result),) = finished(sending)
    assert result.outcome == Outcome.DELIVERED
    assert carried(receiver) == ["token-1"]
    assert tokens.fields() == {
        "grant_type": "client_credentials",
        "scope": "events:write other",
        "audience": "orders",
        "resource": "https://api.example/",
    }
    (asked,) = tokens.requests
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["user-agent"].startswith("KeyManager-Webhooks/")
    assert "webhook-id" not in asked.headers
    assert delivery.target.options.masked(request.headers)["Authorization"] == MASK


def test_the_client_may_authenticate_in_the_body(sending: Sending, receiver: Receiver, tokens: TokenEndpoint) -> None:
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url, method="body")))
    finished(sending)
    assert "authorization" not in tokens.requests[0].headers
    assert (tokens.fields()["client_id"], tokens.fields()["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
    assert carried(receiver) == ["token-1"]


def test_many_deliveries_that_are_due_at_once_lead_to_one_fetch(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    tokens.receiver.respond = lambda request: after(0.3, tokens.give(request))
    sending.add(deliveries(receiver.url, 60, oauth_options(tokens.url)))
    assert {result.outcome for _, _, result in finished(sending, 60)} == {Outcome.DELIVERED}
    assert len(tokens.requests) == 1
    assert set(carried(receiver)) == {"token-1"}
    sending.add(deliveries(receiver.url, 5, oauth_options(tokens.url)))
    finished(sending, 5)
    assert len(tokens.requests) == 1, "it is kept"


def test_another_client_or_another_webhook_has_a_token_of_its_own(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    for webhook_id, scope in ((1, "a"), (1, "b"), (2, "a"), (1, "a")):
        sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url, scope=scope), webhook_id))
        finished(sending)
    assert carried(receiver) == ["token-1", "token-2", "token-3", "token-1"]


def test_a_token_is_renewed_after_nine_tenths_of_its_short_life(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    tokens.more = {"expires_in": 2}
    fetched: list[float] = []

    def give(request: Received) -> Answer:
        fetched.append(time.monotonic())
        return tokens.give(request)

    tokens.receiver.respond = give
    deadline = time.monotonic() + 20
    while len(fetched) < 2 and time.monotonic() < deadline:
        sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
        finished(sending)
        time.sleep(0.05)
    assert fetched[1] - fetched[0] >= 1.8
    assert carried(receiver)[-1] == "token-2"


@pytest.mark.parametrize("expires_in", [0, -5, 0.001, "0"])
def test_a_token_that_is_over_at_once_is_used_for_those_who_waited(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint, expires_in: Any
) -> None:
    tokens.more = {"expires_in": expires_in}
    for _ in range(2):
        sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
        assert finished(sending)[0][2].outcome == Outcome.DELIVERED
    assert carried(receiver) == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(None, 270), (3_600, 3_570), ("3600", 3_570), (100, 90), (1e30, 86_370), ("soon", 270), ([], 270)],
)
def test_how_long_a_token_is_kept(expires_in: Any, seconds: float) -> None:
    assert oauth._kept_seconds(expires_in) == seconds


def test_after_a_401_a_new_token_is_tried_once_in_the_same_attempt(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    refused = {"token-1"}
    receiver.respond = lambda request: (
        UNAUTHORIZED if request.headers["authorization"].removeprefix("Bearer ") in refused else OK
    )
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    ((_, request, result),) = finished(sending)
    assert (result.outcome, result.response_code) == (Outcome.DELIVERED, 200)
    assert carried(receiver) == ["token-1", "token-2"]
    assert {sent.headers["x-webhook-attempt"] for sent in receiver.requests} == {"1"}
    assert request.headers["Authorization"] == "Bearer token-2"
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    finished(sending)
    assert carried(receiver)[-1] == "token-2"


def test_many_401s_at_once_lead_to_one_new_token(sending: Sending, receiver: Receiver, tokens: TokenEndpoint) -> None:
    sending.add(deliveries(receiver.url, 40, oauth_options(tokens.url)))
    finished(sending, 40)
    receiver.respond = lambda request: UNAUTHORIZED if request.headers["authorization"] == "Bearer token-1" else OK
    sending.add(deliveries(receiver.url, 40, oauth_options(tokens.url)))
    assert {result.outcome for _, _, result in finished(sending, 40)} == {Outcome.DELIVERED}
    assert tokens.given == ["token-1", "token-2"]


def test_a_401_for_ever_is_no_loop(sending: Sending, receiver: Receiver, tokens: TokenEndpoint) -> None:
    receiver.answers = [UNAUTHORIZED]
    for attempts in (1, 2, 3):
        sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
        ((_, _, result),) = finished(sending)
        assert (result.outcome, result.response_code) == (Outcome.BAD_STATUS, 401)
        assert result.detail.startswith("It refused a token that was fetched anew, too.")
        assert len(receiver.requests) == 2 * attempts
    assert len(tokens.requests) == 4, "one more with each attempt, after the first"
    assert sending.slots.taken == 0


def test_a_webhook_without_oauth_takes_a_401_as_it_is(sending: Sending, receiver: Receiver) -> None:
    receiver.answers = [UNAUTHORIZED]
    sending.add(deliveries(receiver.url, 1, Options()))
    assert finished(sending)[0][2].response_code == 401
    assert len(receiver.requests) == 1


FAILURES: dict[str, tuple[Any, Outcome, str]] = {
    "refuses the client": (
        answer(401, error="invalid_client", error_description="Unknown client."),
        Outcome.TOKEN_REFUSED,
        "It answered 401, invalid_client: Unknown client.",
    ),
    "refuses without a word": ((403, {}, b"<html>"), Outcome.TOKEN_REFUSED, "It answered 403."),
    "says no with 200": (answer(200, error="nope"), Outcome.TOKEN_REFUSED, "It answered 200, nope."),
    "fails": ((503, {}, b""), Outcome.TOKEN_REFUSED, "It answered 503."),
    "redirects": (
        (302, {"Location": "http://169.254.169.254/"}, b""),
        Outcome.TOKEN_REFUSED,
        "It answered 302, and redirects are not followed. Put the final address into the token URL.",
    ),
    "repeats the secret": (
        answer(400, error=f"{CLIENT_SECRET} is wrong"),
        Outcome.TOKEN_REFUSED,
        f"It answered 400, {MASK} is wrong.",
    ),
    "repeats the secret where its words are cut": (
        answer(400, error="invalid_client", error_description="x" * 150 + CLIENT_SECRET),
        Outcome.TOKEN_REFUSED,
        f"It answered 400, invalid_client: {'x' * 150}{MASK}.",
    ),
    "has control characters": (
        answer(400, error="a\r\nb\x00\u202ec" + "x" * 5_000),
        Outcome.TOKEN_REFUSED,
        f"It answered 400, a b c{'x' * 155}.",
    ),
    "answers html": ((200, {}, b"<html>"), Outcome.TOKEN_BROKEN, "Its answer is not a JSON object."),
    "answers a list": ((200, {}, b"[]"), Outcome.TOKEN_BROKEN, "Its answer is not a JSON object."),
    "nests without end": ((200, {}, b"[" * 9_000), Outcome.TOKEN_BROKEN, "Its answer is not a JSON object."),
    "answers nothing": ((204, {}, b""), Outcome.TOKEN_BROKEN, "Its answer is not a JSON object."),
    "answers much": (
        (200, {}, b'{"access_token":"' + b"x" * 20_000 + b'"}'),
        Outcome.TOKEN_BROKEN,
        "Its answer is longer than 10 KiB.",
    ),
    "has no token": (answer(200, token_type="Bearer"), Outcome.TOKEN_BROKEN, "Its answer has no access_token."),
    "has a number": (answer(200, access_token=7), Outcome.TOKEN_BROKEN, "Its answer has no access_token."),
    "gives a mac token": (
        answer(200, access_token="x", token_type="mac"),
        Outcome.TOKEN_UNUSABLE,
        "The type of its token is mac.",
    ),
    "gives no type": (
        answer(200, access_token="x", token_type=None),
        Outcome.TOKEN_UNUSABLE,
        "The type of its token is null.",
    ),
    "gives a token with a line end": (
        answer(200, access_token="a\r\nX-Evil: 1"),
        Outcome.TOKEN_UNUSABLE,
        "Its token isn't printable ASCII of up to 8,192 characters.",
    ),
}


@pytest.mark.parametrize(("given", "outcome", "sentence"), FAILURES.values(), ids=FAILURES.keys())
def test_each_way_to_fail_has_its_outcome_and_a_sentence(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint, given: Any, outcome: Outcome, sentence: str
) -> None:
    tokens.receiver.respond = lambda request: given
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    ((_, request, result),) = finished(sending)
    assert (result.outcome, result.detail) == (outcome, sentence)
    assert (result.response_code, request.headers, receiver.requests) == (None, {}, [])
    assert CLIENT_SECRET not in str(result)
    assert sending.slots.taken == 0
    tokens.receiver.respond = tokens.give
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    assert finished(sending)[0][2].outcome == Outcome.DELIVERED, "the next attempt fetches again"


def test_no_nesting_of_an_error_ends_the_thread(sending: Sending, receiver: Receiver, tokens: TokenEndpoint) -> None:
    """Python writes JSON to fewer levels than it reads. Where that begins depends on the stack."""
    depths = iter(range(940, 1_000))

    def nest(_: Received) -> Answer:
        depth = next(depths)
        return 400, {}, b'{"error":%b1%b}' % (b"[" * depth, b"]" * depth)

    tokens.receiver.respond = nest
    for id in range(1, 61):
        sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url), webhook_id=id))
    results = [result for _, _, result in finished(sending, 60)]
    assert {result.outcome for result in results} == {Outcome.TOKEN_REFUSED}
    assert "It answered 400, nested too deeply." in {result.detail for result in results}
    assert sending.is_alive


def test_a_token_endpoint_that_repeats_what_it_was_sent_brings_no_credentials_into_the_log(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    tokens.receiver.respond = lambda request: answer(401, error=f"What is {request.headers['authorization']}?")
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    ((_, _, result),) = finished(sending)
    assert result.detail == f"It answered 401, What is {MASK}?."


def test_a_token_endpoint_that_asks_to_slow_down_is_heard_and_uses_up_an_attempt(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    """Its 429 says nothing about the webhook's own endpoint."""
    tokens.receiver.respond = lambda request: (429, {"Retry-After": "120"}, b"")
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    ((_, _, result),) = finished(sending)
    assert (result.outcome, result.retry_after_seconds, result.slows_down) == (Outcome.TOKEN_REFUSED, 120, False)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:1/token", "No request may go where its URL leads. (Port 1 belongs to another protocol)"),
        ("https://10.0.0.1/token", "No request may go where its URL leads. (10.0.0.1 leads to 10.0.0.1)"),
        (
            "https://169.254.169.254/",
            "No request may go where its URL leads. (169.254.169.254 leads to 169.254.169.254)",
        ),
        ("https://256.256.256.256/", "Its host name doesn't resolve to an address."),
    ],
)
def test_a_token_endpoint_that_may_not_be_reached_is_told(
    sending: Sending, receiver: Receiver, url: str, sentence: str
) -> None:
    sending.add(deliveries(receiver.url, 1, oauth_options(url)))
    ((_, _, result),) = finished(sending)
    assert result.outcome == Outcome.TOKEN_UNREACHABLE
    assert result.detail.startswith(sentence)
    assert receiver.requests == []


def test_nobody_listens_at_the_token_url(sending: Sending, receiver: Receiver) -> None:
    with receiving() as gone:
        url = gone.url
    sending.add(deliveries(receiver.url, 1, oauth_options(url)))
    ((_, _, result),) = finished(sending)
    assert (result.outcome, result.detail) == (Outcome.TOKEN_UNREACHABLE, "Nothing is listening on its port.")


HOSTILE = {
    "says nothing": (b"", b"", 5, Outcome.TOKEN_UNREACHABLE, "It didn't answer in time."),
    "drips its head": (
        b"HTTP/1.1 200 OK\r\nX-A: ",
        b"a",
        0.1,
        Outcome.TOKEN_BROKEN,
        "Its answer is not a JSON object. (its answer did not end in time)",
    ),
    "drips its body": (
        b'HTTP/1.1 200 OK\r\n\r\n{"access_token":"',
        b"a",
        0.1,
        Outcome.TOKEN_BROKEN,
        "Its answer is not a JSON object. (its answer did not end in time)",
    ),
    "never ends": (
        b"HTTP/1.1 200 OK\r\n\r\n[",
        b"1," * 5_000,
        0,
        Outcome.TOKEN_BROKEN,
        "Its answer is longer than 10 KiB.",
    ),
    "is no http": (b"SSH-2.0-x\r\n", b"x\r\n", 0, Outcome.TOKEN_BROKEN, "Its answer was not valid HTTP."),
}


@pytest.mark.parametrize(("head", "piece", "pause", "outcome", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_endpoint_costs_no_more_than_the_timeout_of_its_own_webhook(
    sending: Sending, receiver: Receiver, head: bytes, piece: bytes, pause: float, outcome: Outcome, sentence: str
) -> None:
    with raw_receiving(forever(head, piece, pause)) as hostile:
        sending.add(deliveries(receiver.url, 3, oauth_options(hostile.url), timeout_seconds=1))
        began = time.monotonic()
        sending.add(deliveries(receiver.url, 20, Options(), webhook_id=2))
        found = finished(sending, 23)
        assert {result.outcome for delivery, _, result in found if delivery.target.id == 2} == {Outcome.DELIVERED}
        assert hostile.connections <= 2
    results = [result for delivery, _, result in found if delivery.target.id == 1]
    assert {result.outcome for result in results} == {outcome}
    assert all(result.detail.startswith(sentence) for result in results), results
    assert time.monotonic() - began < 15


def test_a_token_endpoint_that_hangs_holds_up_nobody_else(sending: Sending, receiver: Receiver) -> None:
    release = threading.Event()
    with receiving() as hanging:
        hanging.respond = lambda request: (release.wait(20), answer(200, access_token="late"))[1]
        sending.add(deliveries(receiver.url, 30, oauth_options(hanging.url)))
        wait_for(lambda: hanging.connections == 1)
        sending.add(deliveries(receiver.url, 200, Options(), webhook_id=2))
        began = time.monotonic()
        assert {item[0].target.id for item in finished(sending, 200)} == {2}
        assert time.monotonic() - began < 15  # the token comes after 20 s
        assert receiver.connections > 0
        release.set()
        assert {result.outcome for _, _, result in finished(sending, 30)} == {Outcome.DELIVERED}
    assert hanging.connections == 1


def test_the_timeout_is_that_of_the_whole_attempt(sending: Sending, tokens: TokenEndpoint) -> None:
    tokens.receiver.respond = lambda request: after(0.7, tokens.give(request))
    with receiving() as slow:
        slow.respond = lambda request: after(0.7, OK)
        sending.add(deliveries(slow.url, 1, oauth_options(tokens.url), timeout_seconds=1))
        ((_, _, result),) = finished(sending)
        assert result.outcome == Outcome.TIMEOUT
        assert 900 <= result.duration_ms < 1_600
        time.sleep(0.8)  # the endpoint is still busy with the first
        sending.add(deliveries(slow.url, 1, oauth_options(tokens.url), timeout_seconds=1))
        assert finished(sending)[0][2].outcome == Outcome.DELIVERED, "the token was kept"


def test_nothing_goes_out_with_a_token_that_came_after_the_leases_had_ended(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    release = threading.Event()
    tokens.receiver.respond = lambda request: (release.wait(10), tokens.give(request))[1]
    sending.add(deliveries(receiver.url, 2, oauth_options(tokens.url)))
    wait_for(lambda: tokens.receiver.connections == 1)
    sending.send_until(0.0)
    release.set()
    wait_for(lambda: tokens.given)
    time.sleep(0.2)
    assert receiver.requests == []
    sending.send_until(float("inf"))
    assert {result.outcome for _, _, result in finished(sending, 2)} == {Outcome.DELIVERED}


def test_an_endpoint_that_repeats_the_token_brings_it_nowhere(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    receiver.respond = lambda request: (
        200,
        {"X-Echo": request.headers["authorization"]},
        json.dumps(request.headers).encode(),
    )
    sending.add(deliveries(receiver.url, 1, oauth_options(tokens.url)))
    ((_, _, result),) = finished(sending)
    assert b"token-1" not in (result.response_body or b"")
    assert ("X-Echo", MASK) in result.response_headers


def test_a_delivery_that_cannot_be_composed_fetches_no_token(
    sending: Sending, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    options = replace(oauth_options(tokens.url), format="xml")
    sending.add(deliveries(receiver.url, 1, options))
    assert finished(sending)[0][2].outcome == Outcome.NOT_COMPOSED
    assert tokens.requests == []


def test_every_outcome_is_explained() -> None:
    assert set(EXPLANATIONS) == set(ADVICE) == set(Outcome)
