"""Addresses of the portal, the database, Redis and proxies, and whose certificates count."""

from pathlib import Path

import certifi
import pytest
from sqlalchemy import make_url

from config import ConfigError
from tests.webhooks_ui.configuration.conftest import Load


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "::1", "PORT": "81"}, "http://[::1]:81"),
        ({"PUBLIC_URL": "https://portal.example.com"}, "https://portal.example.com"),
        ({"PUBLIC_URL": "https://portal.example.com:8443/"}, "https://portal.example.com:8443"),
        ({"PUBLIC_URL": "HTTPS://Portal.Example.com:443/"}, "https://portal.example.com"),
        ({"PUBLIC_URL": "http://[2001:DB8::1]:80"}, "http://[2001:db8::1]"),
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
        "https://example.com/portal",
        "https://eva:secret@portal.example.com",
        "https://portal.example.com:99999",
        "https://portal.example.com/\nPay here",
        "https://[portal",
        "https://bücher.example",
    ],
)
def test_an_address_that_no_link_can_begin_with_is_refused(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match="PUBLIC_URL") as error:
        settings(PUBLIC_URL=url)
    assert "secret" not in str(error.value)


def test_hosts_are_those_of_the_portals_address_unless_they_are_named(settings: Load) -> None:
    local = ["localhost", "127.0.0.1", "[::1]"]
    assert settings()["ALLOWED_HOSTS"] == []
    assert settings(PUBLIC_URL="https://Portal.example.com:8443")["ALLOWED_HOSTS"] == ["portal.example.com", *local]
    assert settings(PUBLIC_URL="https://[2001:db8::1]")["ALLOWED_HOSTS"] == ["[2001:db8::1]", *local]
    assert settings(ALLOWED_HOSTS="a.example, .B.example")["ALLOWED_HOSTS"] == ["a.example", ".b.example"]
    assert settings(PUBLIC_URL="https://portal.example.com", ALLOWED_HOSTS="*")["ALLOWED_HOSTS"] == []
    assert settings(PUBLIC_URL="https://a.example", ALLOWED_HOSTS=",")["ALLOWED_HOSTS"] == ["a.example", *local]


@pytest.mark.parametrize("name", ["a.example:443", "https://a.example", "a.example/", "*.a.example", "ä.example"])
def test_what_is_no_host_name_is_refused(settings: Load, name: str) -> None:
    with pytest.raises(ConfigError, match="ALLOWED_HOSTS must be host names without a port"):
        settings(ALLOWED_HOSTS=name)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://eva:secret@redis.example.com:6379/0",
        "rediss://redis.example.com:6380/1?ssl_cert_reqs=none",
        "redis://[::1]:6379",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_a_redis_is_named_by_its_url(settings: Load, url: str) -> None:
    assert settings(REDIS_URL=f"{url}\n")["REDIS_URL"] == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("foo://x", "must start with redis://, rediss:// or unix://"),
        ("localhost:6379", "must start with redis://, rediss:// or unix://"),
        ("redis://", "must be written as redis://host:6379/0"),
        ("redis://eva:secret@redis/first", "must be written as redis://host:6379/0"),
        ("redis://eva:secret@redis:0", "a port from 1 to 65535"),
        ("redis://eva:secret@redis:port", "a port from 1 to 65535"),
        ("redis://eva:secret@[redis", "percent-encode"),
        ("unix://", "has no socket"),
        ("redis://eva:secret@redis/0?ssl_ca_cert=/ca.pem", "an option after ? that doesn't exist"),
        ("redis://eva:secret@redis/0?db=first", "or has a wrong value"),
        ("redis://eva:12?x=secret@redis/0", "write ? as %3F"),
        ("redis://eva:secret@redis/0?decode_responses=true", "can't have the option decode_responses"),
        ("rediss://redis/0?ssl_cert_reqs=maybe", "or has a wrong value"),
        ("rediss://redis/0?ssl_ca_certs=/nowhere.pem", "names /nowhere.pem, which can't be read (No such file"),
        ("rediss://redis/0?ssl_ca_certs=/etc/passwd", "must name a file of certificates (PEM), but /etc/passwd holds"),
    ],
)
def test_a_redis_that_nobody_can_reach_is_refused_in_one_line(settings: Load, url: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(REDIS_URL=url)
    assert str(error.value).startswith("REDIS_URL ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_a_database_is_a_file_or_on_a_server(settings: Load, tmp_path: Path) -> None:
    assert settings(DATABASE_URL="sqlite:////x/y.db\n")["SQLALCHEMY_DATABASE_URI"] == "sqlite:////x/y.db"
    assert settings(DATABASE_URL="postgres://db/x")["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://db/x"
    assert settings()["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path / 'webhooks.db'}"
    assert (
        settings(DATABASE_URL="sqlite:///y.db?timeout=9")["SQLALCHEMY_DATABASE_URI"]
        == f"sqlite:///{tmp_path}/y.db?timeout=9"
    )


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
        "sqlite://webhooks.db",
    ],
)
def test_a_database_that_no_other_process_sees_is_refused(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL must name a file that all processes share"):
        settings(DATABASE_URL=url)


def test_a_wrong_port_in_the_address_of_the_database_is_refused(settings: Load) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as error:
        settings(DATABASE_URL="postgresql://eva:secret@db:99999/webhooks")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://eva:se@cret@db/webhooks",
        "postgresql://eva:cret/x@db/webhooks",
        "postgresql://eva:[cret@db/webhooks",
    ],
)
def test_a_password_with_a_character_that_must_be_encoded_is_not_shown(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL .*%40|DATABASE_URL .*percent-encode") as error:
        settings(DATABASE_URL=url)
    assert "cret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////x/y.db?timeout=soon",
        "sqlite:////x/y.db?check_same_thread=maybe",
        "postgresql://eva:secret@/webhooks?host=/tmp&port=many",
        "postgresql://eva:secret@db/webhooks?ssl_mode=require",
        "postgresql://eva:secret@db/webhooks?connect_timeout=soon",
    ],
)
def test_an_option_of_the_database_that_is_wrong_is_refused(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL has an option after \? that doesn't exist or") as error:
        settings(DATABASE_URL=url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("hosts", ["db1:5432,db2:5433", "eva:secret@db1:5432,db2", "[::1]:5432,[::2]:5433"])
def test_several_database_servers_with_ports_are_named_in_the_form_that_works(settings: Load, hosts: str) -> None:
    with pytest.raises(ConfigError, match="several servers with their ports") as error:
        settings(DATABASE_URL=f"postgresql://{hosts}/webhooks")
    assert "secret" not in str(error.value)
    form = str(error.value).partition("Write it as ")[2].rstrip(".")
    url = make_url(settings(DATABASE_URL=form)["SQLALCHEMY_DATABASE_URI"])
    _, arguments = url.get_dialect()().create_connect_args(url)
    assert (arguments["host"], arguments["port"]) == ("db1,db2", "5432,5433")


def test_proxies_are_a_number_or_networks(settings: Load) -> None:
    assert settings()["TRUSTED_PROXIES"] == ()
    assert settings(TRUSTED_PROXIES="2")["TRUSTED_PROXIES"] == 2
    networks = settings(TRUSTED_PROXIES="10.0.0.0/8, ::1/128")["TRUSTED_PROXIES"]
    assert list(map(str, networks)) == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("text", ["-1", "11", "1.5", "all", "10.0.0.1/8", "proxy.example.com"])
def test_proxies_that_are_neither_are_refused(settings: Load, text: str) -> None:
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES must be"):
        settings(TRUSTED_PROXIES=text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 is an address in a network. Write the network, 10.0.0.0/8."),
        ("proxy.example.com", "'proxy.example.com' is none."),
    ],
)
def test_the_message_about_a_network_says_what_to_write(settings: Load, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(ALLOWED_TARGETS=text)
    assert str(error.value) == f"ALLOWED_TARGETS must be networks separated by commas, such as 10.0.0.0/8: {sentence}"
    with pytest.raises(ConfigError) as error:
        settings(TRUSTED_PROXIES=text)
    assert str(error.value).endswith(f"{sentence} Or give the number of proxies, such as 1.")


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
        ("//proxy.example.com:3128", "must start with http://"),
        ("proxy.example.com:3128", "must start with http://"),
        ("eva:hush-hush@proxy:3128", "must start with http://"),
        ("https://eva:hush-hush@proxy:3128", "must be the URL of an http proxy with its port"),
        ("socks5://proxy:1080", "must be the URL of an http proxy with its port"),
        ("http://eva:hush-hush@proxy", "must be the URL of an http proxy with its port"),
        ("http://:3128", "must be the URL of an http proxy with its port"),
        ("http://proxy:0", "must have a port from 1 to 65535."),
        ("http://proxy:99999", "must have a port from 1 to 65535."),
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


def test_certificate_authorities_that_are_none_are_refused(settings: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"REQUESTS_CA_BUNDLE names /nowhere.pem, which can't be read \(No such file"):
        settings(REQUESTS_CA_BUNDLE="/nowhere.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    for file in (tmp_path / "empty.pem", tmp_path):
        with pytest.raises(ConfigError, match=r"^REQUESTS_CA_BUNDLE[^\n]*$"):
            settings(REQUESTS_CA_BUNDLE=str(file))
    settings(REQUESTS_CA_BUNDLE=certifi.where())
    settings(REQUESTS_CA_BUNDLE="")
