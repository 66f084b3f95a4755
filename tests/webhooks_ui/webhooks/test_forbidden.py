"""Addresses and ports that no delivery may go to."""

import ipaddress

import pytest
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from webhooks_ui.webhooks.destination import TargetError
from webhooks_ui.webhooks.forbidden import (
    BROWSERS_BAD_PORTS,
    METADATA_ADDRESSES,
    SERVICES,
    SPECIAL_NETWORKS,
    is_bad_port,
)
from webhooks_ui.webhooks.targets import check_url, is_allowed

EVERYWHERE = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))


@pytest.mark.parametrize("address", METADATA_ADDRESSES)
def test_a_metadata_service_is_no_target_even_if_all_networks_are_allowed(address: str) -> None:
    url = f"https://[{address}]/latest" if ":" in address else f"https://{address}/latest"
    for allowed in ((), EVERYWHERE):
        assert not is_allowed(ipaddress.ip_address(address), "https", allowed)
        with pytest.raises(TargetError, match="private or reserved"):
            check_url(url, allowed)


@pytest.mark.parametrize("address", ["::ffff:168.63.129.16", "64:ff9b::a83f:8110", "2002:a83f:8110::1"])
def test_a_metadata_service_is_found_in_an_ipv6_address(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), "https", EVERYWHERE)


def test_a_neighbour_of_a_metadata_service_is_a_target() -> None:
    assert is_allowed(ipaddress.ip_address("168.63.129.17"), "https", ())


@pytest.mark.parametrize("port", [22, 25, 6379, 6000, 10080, 5432])
def test_a_port_of_another_protocol_is_refused(port: int) -> None:
    with pytest.raises(TargetError, match=f"Port {port} belongs to another protocol"):
        check_url(f"https://93.184.215.14:{port}/", EVERYWHERE)


@pytest.mark.parametrize("url", ["https://93.184.215.14/", "https://93.184.215.14:8443/", "https://93.184.215.14:80/"])
def test_ports_of_web_servers_are_accepted(url: str) -> None:
    check_url(url, ())


def test_the_list_of_browsers_is_whole() -> None:
    assert len(BROWSERS_BAD_PORTS) == 83
    assert not {80, 443, 3000, 5000, 8000, 8080, 8443, 9000} & (BROWSERS_BAD_PORTS | SERVICES.keys())
    assert not is_bad_port(443)


def test_the_special_networks_are_those_that_others_know() -> None:
    nat64 = ipaddress.ip_network("64:ff9b::/96")  # judged by the IPv4 address that it holds
    assert set(EXTRA_BLOCKED_NET_RANGES) - {nat64} <= set(SPECIAL_NETWORKS)
