"""Where mail goes through, and whom it comes from."""

import pytest

from config import ConfigError
from tests.webhooks_ui.configuration.conftest import PRODUCTION, Load
from webhooks_ui.configuration.mail import SmtpServer, smtp_server


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
