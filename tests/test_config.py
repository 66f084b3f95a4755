"""How settings are read from the environment, and which mistakes are refused."""

import os
from pathlib import Path
from typing import Any, Protocol

import certifi
import pytest

from config import ConfigError, load
from webhooks_ui.configuration.mail import SmtpServer, smtp_server
from webhooks_ui.configuration.sign_in import ROLES, OidcProvider
from webhooks_ui.models import Role
from webhooks_ui.models.user import EMAIL_MAX_CHARACTERS
from webhooks_ui.people.passwords import PASSWORD_MAX_CHARACTERS


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


def test_production_sends_no_mail_from_an_address_that_nobody_chose(settings: Load) -> None:
    with pytest.raises(ConfigError, match="MAIL_FROM is not set"):
        settings(**PRODUCTION, SMTP_URL="smtp://mail")
    assert settings(**PRODUCTION)["SMTP"] is None
    assert (
        settings(**PRODUCTION, SMTP_URL="smtp://mail", ADMIN_EMAIL="eva@example.com")["MAIL_FROM"] == "eva@example.com"
    )


@pytest.mark.parametrize(
    "address", ["portal", "@example.com", "a b@example.com", "a@b\nBcc: c@d", "Eva <a@b>", "ü@b.de"]
)
def test_a_sender_that_is_not_an_address_is_refused(settings: Load, address: str) -> None:
    with pytest.raises(ConfigError, match="MAIL_FROM must be a mail address"):
        settings(MAIL_FROM=address)
    with pytest.raises(ConfigError, match="ADMIN_EMAIL must be a mail address"):
        settings(ADMIN_EMAIL=address, SMTP_URL="smtp://mail")


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


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////x/y.db?timeout=soon",
        "sqlite:////x/y.db?check_same_thread=maybe",
        "postgresql://eva:secret@/webhooks?host=/tmp&port=many",
    ],
)
def test_an_option_of_the_database_with_a_wrong_value_is_refused(settings: Load, url: str) -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL has an option after \? with a wrong value") as error:
        settings(DATABASE_URL=url)
    assert "secret" not in str(error.value)


def test_a_database_is_a_file_or_on_a_server(settings: Load, tmp_path: Path) -> None:
    assert settings(DATABASE_URL="sqlite:////x/y.db\n")["SQLALCHEMY_DATABASE_URI"] == "sqlite:////x/y.db"
    assert settings(DATABASE_URL="postgres://db/x")["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://db/x"
    assert settings()["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path / 'webhooks.db'}"
    assert (
        settings(DATABASE_URL="sqlite:///y.db?timeout=9")["SQLALCHEMY_DATABASE_URI"]
        == f"sqlite:///{tmp_path}/y.db?timeout=9"
    )


@pytest.mark.parametrize("keys", [",", " ", " , ", "x", "bm90LWEtcmVhbC1rZXktYnV0LTMyLWJ5dGVzLWxvbmc=,x"])
def test_keys_that_are_none_are_refused(settings: Load, keys: str) -> None:
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS must be Fernet keys"):
        settings(ENCRYPTION_KEYS=keys)


@pytest.mark.parametrize("token", ["schlüssel", " ", "a\tb", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(settings: Load, token: str) -> None:
    with pytest.raises(ConfigError, match="METRICS_TOKEN must have printable ASCII characters only"):
        settings(METRICS_TOKEN=token)


def test_the_token_of_the_metrics_has_no_line_end(settings: Load) -> None:
    assert settings(METRICS_TOKEN="abc\n")["METRICS_TOKEN"] == "abc"
    assert settings(METRICS_TOKEN="")["METRICS_TOKEN"] is None


def test_certificate_authorities_that_are_none_are_refused(settings: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"REQUESTS_CA_BUNDLE names /nowhere.pem, which can't be read \(No such file"):
        settings(REQUESTS_CA_BUNDLE="/nowhere.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    for file in (tmp_path / "empty.pem", tmp_path):
        with pytest.raises(ConfigError, match=r"^REQUESTS_CA_BUNDLE[^\n]*$"):
            settings(REQUESTS_CA_BUNDLE=str(file))
    settings(REQUESTS_CA_BUNDLE=certifi.where())
    settings(REQUESTS_CA_BUNDLE="")


def test_production_logs_json_and_more(settings: Load) -> None:
    for environ, level, format in (
        ({}, "warning", "text"),
        (PRODUCTION, "info", "json"),
        (PRODUCTION | {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "text"}, "debug", "text"),
        ({"LOG_LEVEL": "", "LOG_FORMAT": ""}, "warning", "text"),
    ):
        loaded = settings(**environ)
        assert (loaded["LOG_LEVEL"], loaded["LOG_FORMAT"]) == (level, format)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("LOG_LEVEL", "LOG_LEVEL must be one of debug, info, warning, error, not 'loud'."),
        ("LOG_FORMAT", "LOG_FORMAT must be one of json, text, not 'loud'."),
    ],
)
def test_a_log_that_does_not_exist_is_refused(settings: Load, name: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(**{name: "loud"})
    assert str(error.value) == sentence


OIDC = {"OIDC_ISSUER": "https://login.example.com/", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "hush"}


def test_without_an_issuer_there_is_no_single_sign_on(settings: Load) -> None:
    assert settings()["OIDC"] is None
    assert settings(OIDC_ISSUER="")["OIDC"] is None
    assert settings()["PASSWORD_SIGN_IN"] is True


@pytest.mark.parametrize("name", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_a_client_of_single_sign_on_without_an_issuer_is_told(settings: Load, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} does nothing without OIDC_ISSUER"):
        settings(**{name: "hush"})


def test_single_sign_on_is_read_with_its_defaults(settings: Load) -> None:
    provider = settings(**OIDC)["OIDC"]
    assert provider == OidcProvider("https://login.example.com/", "portal", "hush")
    assert (provider.name, provider.scopes, provider.role_claim) == ("single sign-on", "openid email profile", "groups")
    assert "hush" not in repr(provider)


def test_domains_roles_and_scopes_are_lists(settings: Load) -> None:
    provider = settings(
        **OIDC,
        OIDC_NAME="Example Login",
        OIDC_ALLOWED_DOMAINS="Example.com, example.org",
        OIDC_ROLE_CLAIM="roles",
        OIDC_ROLES=" portal=owners =super_admin, *=viewer,",
        OIDC_SCOPES="email groups",
    )["OIDC"]
    assert provider.name == "Example Login"
    assert provider.allowed_domains == ("example.com", "example.org")
    assert (provider.role_claim, provider.roles) == ("roles", (("portal=owners", "super_admin"), ("*", "viewer")))
    assert provider.scopes == "openid email groups"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"OIDC_ISSUER": "login.example.com"}, "OIDC_ISSUER must start with https://"),
        ({"OIDC_ISSUER": "http://login.example.com"}, "OIDC_ISSUER must start with https://"),
        ({"OIDC_ISSUER": "https://[x"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://login.example.com:99999"}, "OIDC_ISSUER must have a port from 1 to 65535"),
        ({"OIDC_ISSUER": "https://login.example.com/?x=1"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_ISSUER": "https://login .example.com"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_ISSUER": "https://eva:hush@login.example.com"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID is not set"),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET is not set"),
        ({"OIDC_ALLOWED_DOMAINS": "exa mple.com, @x"}, "must be domains separated by commas, but '@x' is none"),
        ({"OIDC_ROLES": "admins=king", "OIDC_ALLOWED_DOMAINS": "a.b"}, "The roles are super_admin, admin, operator"),
        ({"OIDC_ROLES": "admins", "OIDC_ALLOWED_DOMAINS": "a.b"}, "must be pairs such as portal-admins=admin"),
        ({"OIDC_ROLES": "=admin", "OIDC_ALLOWED_DOMAINS": "a.b"}, "must be pairs such as portal-admins=admin"),
        ({"OIDC_ROLES": "admins=admin"}, "Set OIDC_ALLOWED_DOMAINS to say whose addresses."),
        ({"PASSWORD_SIGN_IN": "no"}, "PASSWORD_SIGN_IN must be one of on, off, not 'no'."),
    ],
)
def test_a_wrong_setting_of_single_sign_on_is_named(settings: Load, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(**OIDC | environ)
    assert sentence in str(error.value)
    assert "hush" not in str(error.value)


def test_passwords_are_switched_off_only_if_there_is_another_way_in(settings: Load) -> None:
    assert settings(**OIDC, PASSWORD_SIGN_IN="off")["PASSWORD_SIGN_IN"] is False
    with pytest.raises(ConfigError, match="needs another way to sign in"):
        settings(PASSWORD_SIGN_IN="off")


@pytest.mark.parametrize("name", ["PASSWORD_SIGN_IN", "EXPRESS_LANE"])
def test_a_switch_is_on_or_off_in_any_case(settings: Load, name: str) -> None:
    assert [settings(**OIDC | {name: text})[name] for text in ("", "on", "ON", "off", "Off")] == [True] * 3 + [
        False
    ] * 2


def test_the_roles_of_the_settings_are_those_of_the_users() -> None:
    assert tuple(Role) == ROLES


PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": "kV8q3v0aXnC4bT7rJm2eYw5zLd9hUf1g",
    "ENCRYPTION_KEYS": "bm90LWEtcmVhbC1rZXktYnV0LTMyLWJ5dGVzLWxvbmc=",
}


@pytest.mark.parametrize("name", ["prod", "staging", "Production", "production ", "test"])
def test_another_environment_of_the_app_is_refused(settings: Load, name: str) -> None:
    """It would count as development, where cookies need no https and loopback may be a target."""
    with pytest.raises(ConfigError, match=r"APP_ENV must be development or production, not"):
        settings(APP_ENV=name)


def test_development_is_the_default(settings: Load) -> None:
    assert not settings()["PRODUCTION"]
    assert not settings(APP_ENV="development")["PRODUCTION"]
    assert settings(**PRODUCTION)["PRODUCTION"]


@pytest.mark.parametrize("key", ["topsecret", "changeme", "a" * 64, "12345678" * 8, "x" * 31])
def test_production_refuses_a_secret_key_that_is_easy_to_guess(settings: Load, key: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY is easy to guess") as error:
        settings(**PRODUCTION | {"SECRET_KEY": key})
    assert "\n" not in str(error.value)
    assert key not in str(error.value)


def test_production_refuses_a_short_first_password(settings: Load) -> None:
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have at least 12 characters"):
        settings(**PRODUCTION, ADMIN_PASSWORD="eleven-char")
    assert settings(**PRODUCTION, ADMIN_PASSWORD="twelve-chars")["ADMIN_PASSWORD"] == "twelve-chars"
    assert settings(ADMIN_PASSWORD="short")["ADMIN_PASSWORD"] == "short"


def test_a_first_password_that_nobody_can_type_is_refused(settings: Load) -> None:
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have printable characters only"):
        settings(ADMIN_PASSWORD="correct\nhorse battery")
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have at most 1,000 characters"):
        settings(ADMIN_PASSWORD="x" * (PASSWORD_MAX_CHARACTERS + 1))
    assert settings(ADMIN_PASSWORD="x" * PASSWORD_MAX_CHARACTERS)["ADMIN_PASSWORD"]


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "ADMIN_PASSWORD", "DATABASE_URL", "REDIS_URL", "HOST", "OIDC_ISSUER", "OIDC_NAME", "INSTANCE_PATH"],
)
def test_a_setting_that_is_not_utf8_is_refused(settings: Load, name: str) -> None:
    provider = {"OIDC_ISSUER": "https://login.example.com", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "x"}
    with pytest.raises(ConfigError, match=f"{name} must be in UTF-8"):
        settings(**provider | {name: os.fsdecode("Société".encode("latin-1"))})


@pytest.mark.parametrize(
    "address",
    [
        *("admin", "admin@", "@example.com", "a b@example.com", "a@b@c", "eva@exämple.com"),
        f"{'a' * EMAIL_MAX_CHARACTERS}@b.example",
    ],
)
def test_a_first_admin_without_a_mail_address_is_refused(settings: Load, address: str) -> None:
    with pytest.raises(ConfigError, match="ADMIN_EMAIL must be a mail address"):
        settings(ADMIN_EMAIL=address)


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


@pytest.mark.parametrize("name", ["PORT", "WORKERS", "REQUEST_TIMEOUT_SECONDS", "TRUSTED_PROXIES"])
@pytest.mark.parametrize("number", ["99999999", "9" * 5_000])
def test_a_number_out_of_its_range_is_refused_however_long_it_is(settings: Load, name: str, number: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a whole number from"):
        settings(**{name: number})


def test_an_instance_folder_that_nobody_can_make_is_refused(settings: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="INSTANCE_PATH"):
        settings(INSTANCE_PATH=str(tmp_path / ("x" * 300)))


def test_a_worker_has_a_thousand_requests_in_flight_unless_told_otherwise(settings: Load) -> None:
    assert settings()["IN_FLIGHT"] == 1_024
    assert settings(IN_FLIGHT="64")["IN_FLIGHT"] == 64
    assert (settings()["EXPRESS_LANE"], settings(EXPRESS_LANE="off")["EXPRESS_LANE"]) == (True, False)
    with pytest.raises(ConfigError, match="IN_FLIGHT"):
        settings(IN_FLIGHT="3")
