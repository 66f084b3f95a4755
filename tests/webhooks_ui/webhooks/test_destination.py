"""The form in which a URL is saved and requested."""

import ipaddress

import pytest

from webhooks_ui.webhooks.destination import TargetError, destination


@pytest.mark.parametrize(
    ("typed", "requested"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("HTTPS://example.com:443/Hook", "https://example.com/Hook"),
        ("http://example.com:80", "http://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://example.com./", "https://example.com/"),
        ("https://example\u3002com/", "https://example.com/"),
        ("https://\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com/", "https://example.com/"),
        ("https://\u2460.com/", "https://1.com/"),
        ("https://\ufb01.com/", "https://fi.com/"),
        ("https://i\u2764.ws/", "https://xn--i-7iq.ws/"),
        ("https://M\u00fcnchen.example/", "https://xn--mnchen-3ya.example/"),
        ("https://fa\u00df.example/", "https://xn--fa-hia.example/"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example/"),
        ("https://a_b._tcp.example.com/", "https://a_b._tcp.example.com/"),
        ("https://0x5db8d822/", "https://93.184.216.34/"),
        ("https://93.184.55330/", "https://93.184.216.34/"),
        ("https://\uff19\uff13.184.216.34/", "https://93.184.216.34/"),
        ("https://[2606:2800:0220:0001::0001]:8443/x", "https://[2606:2800:220:1::1]:8443/x"),
        ("https://example.com?a=b", "https://example.com/?a=b"),
        ("https://example.com/a#part", "https://example.com/a"),
        ("https://example.com/a#part?", "https://example.com/a"),
        ("https://example.com/?", "https://example.com/?"),
        ("https://example.com?", "https://example.com/?"),
        ("https://example.com/a?#part", "https://example.com/a?"),
        ("https://example.com/a??", "https://example.com/a??"),
        ("https://example.com/a/../b/./c//d", "https://example.com/a/../b/./c//d"),
        ("https://example.com/caf\u00e9?q=\u00fc", "https://example.com/caf%C3%A9?q=%C3%BC"),
        ("https://example.com/a%20b%2fc", "https://example.com/a%20b%2Fc"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ('https://example.com/"<>^`{|}', "https://example.com/%22%3C%3E%5E%60%7B%7C%7D"),
    ],
)
def test_a_url_is_written_as_it_is_requested(typed: str, requested: str) -> None:
    assert destination(typed).url == requested
    assert destination(requested).url == requested


@pytest.mark.parametrize("host", ["256.256.256.256", "1.2.3.4.5", "example.123", "example.0x7f", "08.0.0.1"])
def test_what_only_looks_like_an_address_is_refused(host: str) -> None:
    """As browsers do (WHATWG, URL Standard, "ends-in-a-number checker")."""
    with pytest.raises(TargetError, match="is not valid"):
        destination(f"https://{host}/")


@pytest.mark.parametrize(
    "host",
    ["xn--a", "xn--mnchen-3yA-", "xn--example-", "-a.com", "a-.com", "a..com", "a b.com", "a\u2064b.com", "a,b.com"],
)
def test_a_name_that_no_browser_would_ask_for_is_refused(host: str) -> None:
    with pytest.raises(TargetError):
        destination(f"https://{host}/")


def test_the_parts_of_a_destination() -> None:
    found = destination("https://[::FFFF]:8443/hook?x=1")
    assert found == ("https://[::ffff]:8443/hook?x=1", "https", "::ffff", 8443, ipaddress.ip_address("::ffff"))
    assert destination("https://Example.com/")[1:] == ("https", "example.com", 443, None)
