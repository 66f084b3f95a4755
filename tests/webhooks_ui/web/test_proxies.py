"""Whose headers say where a request comes from."""

import ipaddress
from typing import Any

import pytest
from flask import Flask, jsonify, request
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from webhooks_ui.web import proxies

NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def seen(trusted: Any, peer: str = "10.0.0.1", **headers: str) -> dict[str, str]:
    """Return what an app sees of a request from ``peer``."""
    app = Flask(__name__)
    app.config["TRUSTED_PROXIES"] = trusted
    app.add_url_rule(
        "/", "index", lambda: jsonify(address=request.remote_addr, scheme=request.scheme, host=request.host)
    )
    proxies.register(app)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: dict[str, str] = app.test_client().get("/", headers=named, environ_base={"REMOTE_ADDR": peer}).get_json()
    return answer


def test_without_trusted_proxies_no_header_counts() -> None:
    forged = {"X_Forwarded_For": "1.1.1.1", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example"}
    forged |= {"Forwarded": "for=1.1.1.1", "X_Real_IP": "1.1.1.1"}
    assert seen((), **forged) == {"address": "10.0.0.1", "scheme": "http", "host": "localhost"}
    assert seen(0, **forged)["address"] == "10.0.0.1"


@pytest.mark.parametrize("peer", ["::ffff:203.0.113.9", "::ffff:cb00:7109", "203.0.113.9"])
def test_an_ipv4_client_of_a_server_that_listens_on_both_has_its_ipv4_address(peer: str) -> None:
    assert seen((), peer)["address"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("count", "header", "address"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),
        (1, "203.0.113.9:50123", "203.0.113.9"),
        (1, "[2001:db8::1]:50123", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:50123", "203.0.113.9"),
        (1, "unknown", "10.0.0.1"),
        (1, "", "10.0.0.1"),
    ],
)
def test_a_number_of_proxies_counts_from_the_nearest_one(count: int, header: str, address: str) -> None:
    assert seen(count, X_Forwarded_For=header)["address"] == address


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        ("203.0.113.66", "1.1.1.1", "203.0.113.66"),
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9, ::ffff:10.0.0.7", "203.0.113.9"),
        ("::ffff:203.0.113.66", "1.1.1.1", "203.0.113.66"),
    ],
)
def test_networks_count_the_proxies_of_each_request(peer: str, header: str, address: str) -> None:
    assert seen(NETWORKS, peer, X_Forwarded_For=header)["address"] == address


@pytest.mark.parametrize("trusted", [1, NETWORKS])
@pytest.mark.parametrize(
    "sent",
    ['"', 'a"', '"a', '9.9.9.9"', '9.9.9.9%"', '9.9.9.9:"', '"9.9.9.9\\"', '"a", "', '8.8.8.8, "x"', "\\", "'", "a=b;"],
)
def test_a_quote_that_the_client_sends_does_not_hide_what_the_proxy_adds(trusted: Any, sent: str) -> None:
    """This is what nginx's $proxy_add_x_forwarded_for makes of it."""
    assert seen(trusted, X_Forwarded_For=f"{sent}, 203.0.113.9")["address"] == "203.0.113.9"
    assert seen(trusted, X_Forwarded_For=f"{sent}, 2001:db8::1")["address"] == "2001:db8::1"


def test_a_quote_hides_no_address_behind_several_proxies() -> None:
    header = '", 203.0.113.9, 10.0.0.7'
    assert seen(2, X_Forwarded_For=header)["address"] == "203.0.113.9"
    assert seen(NETWORKS, X_Forwarded_For=header)["address"] == "203.0.113.9"


def test_a_quote_does_not_hide_scheme_and_host() -> None:
    headers = {
        "X_Forwarded_Proto": '", https',
        "X_Forwarded_Host": '", portal.example.com',
        "X_Forwarded_For": "1.1.1.1",
    }
    assert seen(1, **headers) == {"address": "1.1.1.1", "scheme": "https", "host": "portal.example.com"}


def test_the_app_still_sees_that_a_request_was_forwarded() -> None:
    """/metrics answers only requests from this machine that no proxy passed on."""
    app = Flask(__name__)
    app.config["TRUSTED_PROXIES"] = 1
    app.add_url_rule("/", "index", lambda: jsonify("X-Forwarded-For" in request.headers))
    proxies.register(app)
    client = app.test_client()
    assert [client.get("/", headers={"X-Forwarded-For": sent}).get_json() for sent in ("1.1.1.1", "x", "")] == [
        True
    ] * 3
    assert client.get("/").get_json() is False


def test_a_stranger_cannot_choose_scheme_or_host() -> None:
    headers = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example", "X_Forwarded_For": "1.1.1.1"}
    assert seen(NETWORKS, "203.0.113.66", **headers) == {
        "address": "203.0.113.66",
        "scheme": "http",
        "host": "localhost",
    }


def test_a_proxy_tells_scheme_and_host() -> None:
    headers = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "portal.example.com", "X_Forwarded_For": "1.1.1.1"}
    wanted = {"address": "1.1.1.1", "scheme": "https", "host": "portal.example.com"}
    assert seen(1, **headers) == wanted
    assert seen(NETWORKS, **headers) == wanted
    assert seen(2, **headers | {"X_Forwarded_For": "1.1.1.1, 10.0.0.2"}) == wanted


@hypothesis_settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    trusted=st.sampled_from([1, 2, NETWORKS]),
    values=st.lists(
        st.just('"') | st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30), max_size=3
    ),
    proto=st.sampled_from(["https", "javascript", "", ",", "http,https", "\xff"]),
)
def test_any_header_leaves_an_address_and_a_scheme(trusted: Any, values: list[str], proto: str) -> None:
    found = seen(trusted, X_Forwarded_For=",".join(values), X_Forwarded_Proto=proto)
    ipaddress.ip_address(found["address"])
    assert found["scheme"] in ("http", "https")
