"""How often a password can be guessed: in parallel, from many addresses, behind a proxy, and while Redis is down."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.support.factories import make_user
from webhooks_ui.database import redis as redis_client
from webhooks_ui.web.proxies import TrustedProxies
from webhooks_ui.web.sign_in_throttle import ACCOUNT_FAILURES, FAILURES_PER_MINUTE, take_back


@pytest.fixture(autouse=True)
def _fresh_counts(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False


def try_once(
    app: Flask, address: str, password: str = "wrong", email: str = "admin@example.com", **headers: str
) -> int:
    with app.test_client() as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.post(
            "/login",
            data={"email": email, "password": password},
            environ_base={"REMOTE_ADDR": address},
            headers=named,
        )
    return answer.status_code


def in_parallel(app: Flask, addresses: list[str]) -> Counter[int]:
    with ThreadPoolExecutor(40) as pool:
        return Counter(pool.map(lambda address: try_once(app, address), addresses))


def without_redis(app: Flask) -> None:
    redis_client.use(app, redis_client.connect("unix:///nobody/listens"))


def test_forty_tries_at_once_from_one_address_check_ten_passwords(app: Flask) -> None:
    make_user()
    assert in_parallel(app, ["203.0.113.1"] * 40) == {422: FAILURES_PER_MINUTE, 429: 40 - FAILURES_PER_MINUTE}


def test_forty_tries_at_once_from_forty_addresses_check_twenty_passwords_of_an_account(app: Flask) -> None:
    make_user()
    addresses = [f"203.0.113.{number}" for number in range(40)]
    assert in_parallel(app, addresses) == {422: ACCOUNT_FAILURES, 429: 40 - ACCOUNT_FAILURES}


def test_while_redis_is_down_each_process_allows_its_share(app: Flask) -> None:
    make_user()
    without_redis(app)
    share = FAILURES_PER_MINUTE // int(app.config["WEB_PROCESSES"])
    assert in_parallel(app, ["203.0.113.1"] * 40) == {422: share, 429: 40 - share}


def test_while_redis_is_down_accounts_are_protected_too(app: Flask) -> None:
    make_user()
    without_redis(app)
    share = ACCOUNT_FAILURES // int(app.config["WEB_PROCESSES"])
    addresses = [f"203.0.113.{number}" for number in range(40)]
    assert in_parallel(app, addresses) == {422: share, 429: 40 - share}


def test_a_right_password_is_refused_like_a_wrong_one_after_too_many(app: Flask) -> None:
    make_user()
    for _ in range(FAILURES_PER_MINUTE):
        try_once(app, "203.0.113.1")
    assert try_once(app, "203.0.113.1", PASSWORD) == 429
    assert try_once(app, "203.0.113.2", PASSWORD) == 303


def test_a_right_password_takes_back_its_own_count_alone(app: Flask) -> None:
    """Somebody with an account of their own can't reset the count of their address."""
    make_user()
    make_user(email="mallory@example.com", role="viewer")
    for _ in range(FAILURES_PER_MINUTE):
        try_once(app, "203.0.113.1")
        if _ < FAILURES_PER_MINUTE - 1:
            assert try_once(app, "203.0.113.1", PASSWORD, "mallory@example.com") == 303
    assert try_once(app, "203.0.113.1", PASSWORD, "mallory@example.com") == 429


def test_behind_a_proxy_each_client_counts_alone(app: Flask) -> None:
    make_user()
    make_user(email="eva@example.com")
    app.wsgi_app = TrustedProxies(app.wsgi_app, 1)  # type: ignore[method-assign]
    for _ in range(26):
        try_once(app, "10.0.0.1", X_Forwarded_For="203.0.113.1")
    assert try_once(app, "10.0.0.1", PASSWORD, "eva@example.com", X_Forwarded_For="203.0.113.1") == 429
    assert try_once(app, "10.0.0.1", PASSWORD, "eva@example.com", X_Forwarded_For="203.0.113.2") == 303


def test_a_forged_header_gives_no_new_tries(app: Flask) -> None:
    make_user()
    answers = [try_once(app, "203.0.113.1", X_Forwarded_For=f"198.51.100.{number}") for number in range(12)]
    assert answers.count(429) == 2


def test_ipv4_addresses_count_apart_where_the_server_listens_on_both(app: Flask) -> None:
    for _ in range(FAILURES_PER_MINUTE + 1):
        status = try_once(app, "::ffff:203.0.113.1", email="eva@example.com")
    assert status == 429
    assert try_once(app, "::ffff:203.0.113.2", email="ida@example.com") == 422
    assert try_once(app, "203.0.113.1", email="ida@example.com") == 429


@pytest.mark.parametrize("has_redis", [True, False])
def test_what_is_taken_back_after_its_time_gives_nobody_more_tries(app: Flask, has_redis: bool) -> None:
    if not has_redis:
        without_redis(app)
        app.config["WEB_PROCESSES"] = 1
    with app.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.1"}):
        for _ in range(5):  # right passwords whose tries are forgotten by now
            take_back("eva@example.com")
    answers = [try_once(app, "203.0.113.1") for _ in range(FAILURES_PER_MINUTE + 1)]
    assert answers == [422] * FAILURES_PER_MINUTE + [429]


def test_the_addresses_of_one_ipv6_network_count_together(app: Flask) -> None:
    make_user()
    answers = [try_once(app, f"2001:db8:1:2::{number:x}") for number in range(12)]
    assert answers.count(429) == 2
    assert try_once(app, "2001:db8:1:3::1") == 422


def test_the_answer_says_when_to_try_again(app: Flask, client: FlaskClient) -> None:
    for _ in range(FAILURES_PER_MINUTE):
        try_once(app, "127.0.0.1")
    answer = client.post("/login", data={"email": "admin@example.com", "password": "x"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
