"""How settings are read from the environment, and which mistakes are refused."""

from pathlib import Path
from typing import Any, Protocol

import pytest

from config import ConfigError, SmtpServer, load, smtp_server


class Load(Protocol):
    def __call__(self, **environ: str) -> dict[str, Any]: ...


@pytest.fixture
def settings(tmp_path: Path) -> Load:
    """Return a function that loads an environment with only the given variables: ``settings(NAME="value")``."""

    def load_only(**environ: str) -> dict[str, Any]:
        return load({"INSTANCE_PATH": str(tmp_path), **environ})

    return load_only


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com:2525", SmtpServer("smtp", "mail.example.com", 2525)),
        ("smtp://mail.example.com", SmtpServer("smtp", "mail.example.com", 25)),
        ("smtp://[::1]:25/", SmtpServer("smtp", "::1", 25)),
        ("smtps://eva:secret@mail.example.com:465", SmtpServer("smtps", "mail.example.com", 465, "eva", "secret")),
        ("smtps://eva%40example.com:a%2Fb%3a@mail", SmtpServer("smtps", "mail", 465, "eva@example.com", "a/b:")),
        ("smtp+starttls://mail.example.com", SmtpServer("smtp+starttls", "mail.example.com", 587)),
        ("SMTP+STARTTLS://eva:s:t@mail:26\n", SmtpServer("smtp+starttls", "mail", 26, "eva", "s:t")),
        (None, None),
        ("", None),
    ],
)
def test_a_mail_server_is_read_from_its_url(url: str | None, server: SmtpServer | None) -> None:
    assert smtp_server(url) == server


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mail.example.com:25", "must start with smtp://, smtps://"),
        ("http://mail.example.com", "must start with smtp://, smtps://"),
        ("smtp://", "has no host. Write it as smtp://host:port"),
        ("smtp://:25", "has no host. Write it as smtp://host:port"),
        ("smtp://mail:0", "a port from 1 to 65535"),
        ("smtp://mail:65536", "a port from 1 to 65535"),
        ("smtp://mail:smtp", "a port from 1 to 65535"),
        ("smtp://mail:25/inbox", "must end after the port"),
        ("smtps://eva:hu/hush@mail:465", "In a user or password, write / ? # as %2F"),
        ("smtps://eva:hu#hush@mail:465", "In a user or password, write / ? # as %2F"),
        ("smtps://eva:hu[hush@mail:465", "percent-encode"),
        ("smtps://eva@mail:465", "both a user and a password"),
        ("smtps://:hush@mail:465", "both a user and a password"),
        ("smtp://eva:hush@mail:25", "use smtps:// or smtp+starttls://"),
        ("smtps://eva:hüsh-hush@mail:465", "ASCII"),
    ],
)
def test_the_message_about_a_wrong_mail_server_does_not_show_the_password(url: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        smtp_server(url)
    assert str(error.value).startswith("SMTP_URL ")
    assert sentence in str(error.value)
    assert "hush" not in str(error.value)


def test_printed_settings_do_not_show_the_password_of_the_mail_server(settings: Load) -> None:
    assert "hush" not in repr(settings(SMTP_URL="smtps://eva:hush@mail"))


def test_mail_comes_from_the_first_admin_by_default(settings: Load) -> None:
    assert settings()["MAIL_FROM"] == "admin@example.com"
    assert settings(ADMIN_EMAIL="eva@example.com")["MAIL_FROM"] == "eva@example.com"
    assert settings(MAIL_FROM="portal@example.com", ADMIN_EMAIL="eva@example.com")["MAIL_FROM"] == "portal@example.com"


@pytest.mark.parametrize(
    "address", ["portal", "@example.com", "a b@example.com", "a@b\nBcc: c@d", "Eva <a@b>", "ü@b.de"]
)
def test_a_sender_that_is_not_an_address_is_refused(settings: Load, address: str) -> None:
    with pytest.raises(ConfigError, match="MAIL_FROM must be a mail address"):
        settings(MAIL_FROM=address)
    with pytest.raises(ConfigError, match="MAIL_FROM must be a mail address"):
        settings(ADMIN_EMAIL=address, SMTP_URL="smtp://mail")
    assert settings(ADMIN_EMAIL=address)["ADMIN_EMAIL"] == address


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "::1", "PORT": "81"}, "http://[::1]:81"),
        ({"PUBLIC_URL": "https://portal.example.com"}, "https://portal.example.com"),
        ({"PUBLIC_URL": "https://example.com:8443/portal/"}, "https://example.com:8443/portal"),
    ],
)
def test_links_begin_with_the_portals_address(settings: Load, environ: dict[str, str], url: str) -> None:
    assert settings(**environ)["PUBLIC_URL"] == url


@pytest.mark.parametrize(
    "url",
    [
        "portal.example.com",
        "ftp://portal.example.com",
        "https://",
        "https://portal.example.com/?a=b",
        "https://portal.example.com/#a",
        "https://eva:secret@portal.example.com",
        "https://portal.example.com:99999",
        "https://portal.example.com/\nPay here",
        "https://[portal",
    ],
)
def test_an_address_that_no_link_can_begin_with_is_refused(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match="PUBLIC_URL") as error:
        settings(PUBLIC_URL=url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, ""),
        ({"EGRESS_PROXY": ""}, ""),
        ({"EGRESS_PROXY": "http://proxy.example.com:3128/"}, "http://proxy.example.com:3128"),
        ({"EGRESS_PROXY": "http://eva:a%2Fb@10.0.0.1:3128"}, "http://eva:a%2Fb@10.0.0.1:3128"),
        ({"EGRESS_PROXY": "http://[::1]:3128"}, "http://[::1]:3128"),
    ],
)
def test_an_egress_proxy_is_read_from_its_url(settings: Load, given: dict[str, str], url: str) -> None:
    assert settings(**given)["EGRESS_PROXY"] == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("//proxy.example.com:3128", "must be the URL of an http proxy with its port"),
        ("proxy.example.com:3128", "must end after the port"),
        ("https://eva:hush-hush@proxy:3128", "must be the URL of an http proxy with its port"),
        ("socks5://proxy:1080", "must be the URL of an http proxy with its port"),
        ("http://eva:hush-hush@proxy", "must be the URL of an http proxy with its port"),
        ("http://:3128", "must be the URL of an http proxy with its port"),
        ("http://proxy:0", "must have a port from 1 to 65535"),
        ("http://proxy:99999", "must have a port from 1 to 65535"),
        ("http://eva:hush-hush/x@proxy:3128", "write / ? # as %2F"),
        ("http://proxy:3128/path", "must end after the port"),
        ("http://proxy:3128?x=hush-hush", "must end after the port"),
        ("http://eva:hush-hush @proxy:3128", "must end after the port"),
    ],
)
def test_a_wrong_egress_proxy_is_refused_in_words_that_show_no_password(
    settings: Load, url: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(EGRESS_PROXY=url)
    assert "EGRESS_PROXY" in str(refused.value)
    assert sentence in str(refused.value)
    assert "hush-hush" not in str(refused.value)


def test_a_worker_has_a_thousand_requests_in_flight_unless_told_otherwise(settings: Load) -> None:
    assert settings()["IN_FLIGHT"] == 1_024
    assert settings(IN_FLIGHT="64")["IN_FLIGHT"] == 64
    with pytest.raises(ConfigError, match="IN_FLIGHT"):
        settings(IN_FLIGHT="3")
