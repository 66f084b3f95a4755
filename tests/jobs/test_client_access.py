"""Client certificates and OAuth from the database to the endpoint and back, on both databases and by both lanes."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from flask import Flask

from jobs.deliver import deliver
from jobs.publish import publish
from tests.jobs.test_express import claims, lanes, settled, working
from tests.support.authorities import Authority, Endpoint, asking
from tests.support.factories import make_event, make_webhook
from tests.support.receivers import OK, Receiver
from tests.support.stored import attempts
from tests.support.token_endpoint import CLIENT_ID, CLIENT_SECRET, TokenEndpoint, giving_tokens
from tests.support.waiting import wait_for
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Delivery, Webhook, utcnow
from webhooks_ui.webhooks import changes
from webhooks_ui.webhooks.client_certificates import Pair
from webhooks_ui.webhooks.oauth import Grant
from webhooks_ui.webhooks.own_headers import MASK, Auth, AuthKind, OwnHeader

__all__ = ["claims"]  # a fixture


@pytest.fixture
def endpoint(authority: Authority, tmp_path: Path) -> Iterator[Endpoint]:
    with asking(authority, tmp_path) as endpoint:
        yield endpoint


@pytest.fixture
def tokens() -> Iterator[TokenEndpoint]:
    with giving_tokens() as tokens:
        yield tokens


def oauth(tokens: TokenEndpoint, **grant: str) -> Auth:
    return Auth(AuthKind.OAUTH, CLIENT_ID, CLIENT_SECRET, Grant(tokens.url, **grant))


def make(url: str, **options: Any) -> Webhook:
    webhook = make_webhook(url=url)
    with writing():
        changes.edit(changes.get(webhook.id), options)
    return changes.get(webhook.id)


def test_each_webhook_shows_its_own_certificate(app: Flask, authority: Authority, endpoint: Endpoint) -> None:
    for name in ("ada", "bob"):
        make(endpoint.url, client_certificate=Pair(*authority.sign(name)))
    make(endpoint.url)
    for _ in range(3):
        make_event()
        deliver()
    assert sorted(str(subject) for subject in endpoint.subjects) == ["ada"] * 3 + ["bob"] * 3
    outcomes = [attempt.outcome for attempt in attempts()]
    assert sorted(outcomes) == ["delivered"] * 6 + ["tls_failed"] * 3


def test_a_webhook_whose_certificate_is_changed_shows_the_new_one(
    app: Flask, authority: Authority, endpoint: Endpoint
) -> None:
    webhook = make(endpoint.url, client_certificate=Pair(*authority.sign("old")))
    make_event()
    deliver()
    with writing():
        changes.edit(changes.get(webhook.id), {"client_certificate": Pair(*authority.sign("new"))})
    make_event()
    deliver()
    assert endpoint.subjects == ["old", "new"]


def test_a_refused_certificate_is_an_attempt_with_its_own_outcome(
    app: Flask, authority: Authority, endpoint: Endpoint
) -> None:
    make(endpoint.url, client_certificate=Pair(*Authority("Other CA").sign("ada")))
    make_event()
    deliver()
    (attempt,) = attempts()
    assert (attempt.outcome, attempt.response_code) == ("certificate_refused", None)
    assert endpoint.seen == []


def lost(webhook: Webhook, name: str) -> None:
    """Make a part of the stored certificate undecryptable."""
    stored = dict(changes.get(webhook.id).client_certificate or {})
    stored[name] = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    changes.get(webhook.id).client_certificate = stored
    db.session.commit()


@pytest.mark.parametrize("name", ["certificate_encrypted", "key_encrypted"])
def test_a_lost_certificate_is_an_attempt_and_never_left_out(
    app: Flask, authority: Authority, tmp_path: Path, name: str
) -> None:
    with asking(authority, tmp_path, ssl.TLSVersion.TLSv1_3, demands=False) as endpoint:
        webhook = make(endpoint.url, client_certificate=Pair(*authority.sign("ada")))
        lost(webhook, name)
        make_event()
        deliver()
        (attempt,) = attempts()
        assert attempt.outcome == "certificate_unusable"
        assert "can't be decrypted" in attempt.detail
        assert endpoint.seen == []
        with writing():
            changes.edit(changes.get(webhook.id), {"client_certificate": Pair(*authority.sign("new"))})
        with time_machine.travel(utcnow() + timedelta(seconds=90), tick=True):
            deliver()
        assert endpoint.subjects == ["new"]


def test_a_stored_certificate_that_cannot_be_read_is_an_attempt(
    app: Flask, authority: Authority, endpoint: Endpoint
) -> None:
    webhook = make(endpoint.url, client_certificate=Pair(*authority.sign("ada")))
    stored = dict(webhook.client_certificate or {})
    del stored["key_encrypted"]
    webhook.client_certificate = stored
    db.session.commit()
    make_event()
    deliver()
    assert attempts()[0].outcome == "certificate_unusable"
    assert endpoint.refused == []


def test_a_token_is_fetched_and_the_log_masks_it(app: Flask, receiver: Receiver, tokens: TokenEndpoint) -> None:
    receiver.respond = lambda request: (200, {}, request.headers["authorization"].encode())
    make(receiver.url, auth=oauth(tokens, scope="events"), headers=[OwnHeader("X-Tenant", "emea-value")])
    make_event()
    deliver()
    (request,) = receiver.requests
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["x-tenant"] == "emea-value"
    (attempt,) = attempts()
    assert (attempt.outcome, attempt.kept_headers["Authorization"]) == ("delivered", MASK)
    assert attempt.response_body == MASK.encode()
    assert "token-1" not in str(vars(attempt))


def test_a_refused_client_is_an_attempt_and_the_next_one_fetches_again(
    app: Flask, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    webhook = make(receiver.url, auth=Auth(AuthKind.OAUTH, CLIENT_ID, "wrong-secret", Grant(tokens.url)))
    make_event()
    deliver()
    (attempt,) = attempts()
    assert attempt.outcome == "token_refused"
    assert attempt.detail == "It answered 401, invalid_client: No such client, or a wrong secret."
    assert "Authorization" not in attempt.kept_headers
    with writing():
        changes.edit(changes.get(webhook.id), {"auth": oauth(tokens)})
    with time_machine.travel(utcnow() + timedelta(seconds=90), tick=True):
        deliver()
    assert [attempt.outcome for attempt in attempts()] == ["token_refused", "delivered"]


def test_a_lost_client_secret_is_an_attempt(app: Flask, receiver: Receiver, tokens: TokenEndpoint) -> None:
    webhook = make(receiver.url, auth=oauth(tokens))
    stored = dict(webhook.auth or {})
    stored["secret_encrypted"] = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    webhook.auth = stored
    db.session.commit()
    make_event()
    deliver()
    assert attempts()[0].outcome == "not_composed"
    assert (receiver.requests, tokens.requests) == ([], [])


def test_a_token_endpoint_may_ask_for_the_certificate_too(
    app: Flask, authority: Authority, endpoint: Endpoint, receiver: Receiver
) -> None:
    """RFC 8705, section 2."""
    body = b'{"access_token":"bound","token_type":"Bearer"}'
    endpoint.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)]
    auth = Auth(AuthKind.OAUTH, CLIENT_ID, CLIENT_SECRET, Grant(endpoint.url))
    make(receiver.url, auth=auth, client_certificate=Pair(*authority.sign("ada")))
    make_event()
    deliver()
    assert endpoint.subjects == ["ada"]
    assert receiver.requests[0].headers["authorization"] == "Bearer bound"


def test_the_express_lane_carries_both(
    app: Flask,
    authority: Authority,
    endpoint: Endpoint,
    tokens: TokenEndpoint,
    claims: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook = make(endpoint.url, auth=oauth(tokens), client_certificate=Pair(*authority.sign("ada")))
    event = NewEvent("license.activated", {})
    with working(app, monkeypatch):
        publish("production", [event])
        wait_for(settled)
        assert claims == []
        with writing():
            pair = Pair(*authority.sign("new"))
            changes.edit(changes.get(webhook.id), {"client_certificate": pair, "auth": oauth(tokens, scope="new")})
        publish("production", [event])
        wait_for(lambda: len(endpoint.seen) == 2)
        wait_for(settled)
    assert endpoint.subjects == ["ada", "new"]
    heads = [seen.head for seen in endpoint.seen]
    assert [b"Authorization: Bearer token-%d\r\n" % n in head for n, head in enumerate(heads, 1)] == [True, True]
    assert tokens.fields()["scope"] == "new"
    assert lanes(app.extensions["redis"]) == []


def test_an_endpoint_that_answers_401_for_ever_ends_as_failed(
    app: Flask, receiver: Receiver, tokens: TokenEndpoint
) -> None:
    receiver.answers = [(401, {}, b"")]
    make(receiver.url, auth=oauth(tokens), retry_schedule="own", retry_delays=[1])
    make_event()
    deliver()
    with time_machine.travel(utcnow() + timedelta(seconds=5), tick=True):
        deliver()
    db.session.rollback()
    delivery = db.session.scalars(db.select(Delivery)).one()
    assert (delivery.status, delivery.attempts_count, delivery.response_code) == ("failed", 2, 401)
    assert len(receiver.requests) == 4
    receiver.answers = [OK]
