"""What a mail server can do with a mail, and what we do then."""

import logging
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobs.chores import mail
from jobs.chores.mail import Unanswered, send_mail, try_server
from tests.support.certificates import make_certificate
from tests.support.mailbox import LOGIN, Mailbox, receiving_mail
from tests.support.receivers import Receiver, raw_receiving
from webhooks_ui.configuration.mail import SmtpServer

TIMEOUT_SECONDS = 0.6
FAR_BEYOND_SECONDS = 8.0
EVA, ADAM, JOERG = "eva@example.com", "adam@example.com", "jörg@example.com"
USER, PASSWORD = LOGIN.login.decode(), LOGIN.password.decode()


def send(
    server: SmtpServer, recipients: Sequence[str] = (EVA, ADAM), subject: str = "Hello", text: str = "World\n"
) -> None:
    send_mail(server, "portal@example.com", list(recipients), subject, text)


def server_at(raw: Receiver) -> SmtpServer:
    """Return the address of ``raw`` as that of a mail server."""
    return SmtpServer("smtp", "127.0.0.1", urlsplit(raw.url).port or 0)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with receiving_mail() as box:
        yield box


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Make a certificate for the loopback address that we trust. Return its file and that of its key."""
    files = make_certificate(tmp_path, "127.0.0.1", days=30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
    return files


def test_all_get_one_mail_and_nobody_sees_who_else(box: Mailbox) -> None:
    send(box.server())
    (got,) = box.mails
    assert (got.sender, got.recipients, got.text) == ("portal@example.com", [EVA, ADAM], "World\n")
    assert got.message["From"] == "KeyManager Webhooks <portal@example.com>"
    assert got.message["To"] == "undisclosed-recipients:;"
    assert EVA not in str(got.message)
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Message-ID"].endswith("@example.com>")
    assert got.message["Date"].datetime.tzinfo is not None


def test_a_mail_to_one_person_says_to_whom(box: Mailbox) -> None:
    send(box.server(), [EVA])
    box.utf8 = True
    send(box.server(), [JOERG])
    assert [mail.message["To"] for mail in box.mails] == [EVA, JOERG]


def test_any_text_arrives_as_it_was(box: Mailbox) -> None:
    text = f"Grüße 🎉\n.\n.. a dot alone\n{'x' * 3000}\n"
    subject = "Größe 🎉 " * 20 + "✓"
    send(box.server(), subject=subject, text=text)
    assert box.mails[0].text == text
    assert box.mails[0].message["Subject"] == subject


def test_no_subject_adds_a_header(box: Mailbox) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        send(box.server(), subject="Orders\r\nBcc: thief@example.com")
    assert box.mails == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_tls_and_a_login(certificate: tuple[Path, Path], scheme: str) -> None:
    with receiving_mail(scheme, certificate) as box:
        send(box.server(scheme, USER, PASSWORD))
    (got,) = box.mails
    assert got.is_encrypted
    assert got.user == LOGIN.login


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_wrong_password_is_an_error(certificate: tuple[Path, Path], scheme: str) -> None:
    with receiving_mail(scheme, certificate) as box, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        send(box.server(scheme, USER, "wrong-password"))
    assert "wrong-password" not in str(refused.value)
    assert box.mails == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_that_nobody_vouches_for_gets_neither_password_nor_mail(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with receiving_mail(scheme, certificate) as box, pytest.raises(ssl.SSLCertVerificationError):
        send(box.server(scheme, USER, PASSWORD))
    assert box.mails == []


def test_a_certificate_of_another_host_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificate(tmp_path, "mail.example.com", days=30)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
    with receiving_mail("smtps", files) as box, pytest.raises(ssl.SSLCertVerificationError):
        send(box.server("smtps", USER, PASSWORD))
    assert box.mails == []


def test_a_server_that_knows_no_starttls_gets_nothing(box: Mailbox) -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError, match="STARTTLS"):
        send(box.server("smtp+starttls", USER, PASSWORD))
    assert box.mails == []


def test_one_recipient_that_is_refused_does_not_keep_the_mail_from_the_others(
    box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.refused = {EVA}
    send(box.server())
    assert box.mails[0].recipients == [ADAM]
    assert caplog.messages == [f"127.0.0.1 takes no mail for {EVA}"]


def test_all_recipients_refused_is_an_error(box: Mailbox) -> None:
    box.refused = {EVA, ADAM}
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(box.server())


def test_an_address_in_other_letters_needs_a_server_that_knows_them(
    box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "jobs.chores.mail")
    send(box.server(), [JOERG, EVA])
    assert box.mails[0].recipients == [EVA]
    assert f"no mail for {JOERG}" in caplog.text
    with pytest.raises(smtplib.SMTPNotSupportedError):
        send(box.server(), [JOERG])
    box.utf8 = True
    send(box.server(), [JOERG, EVA], subject="Größe")
    assert box.mails[1].recipients == [JOERG, EVA]
    assert box.mails[1].message["Subject"] == "Größe"


def test_a_refused_message_is_an_error(box: Mailbox) -> None:
    box.answer = "451 Try again later"
    with pytest.raises(smtplib.SMTPDataError):
        send(box.server())


def test_a_server_that_goes_with_the_message_may_have_sent_it(box: Mailbox) -> None:
    box.cut_at = "DATA"
    with pytest.raises(Unanswered):
        send(box.server())


def test_a_server_that_goes_before_the_message_has_not(box: Mailbox) -> None:
    box.cut_at = "RCPT"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(box.server())


def test_what_was_taken_stays_taken_though_the_server_says_no_goodbye(box: Mailbox) -> None:
    box.cut_at = "QUIT"
    send(box.server())
    assert len(box.mails) == 1


@pytest.mark.parametrize("use", [send, try_server])
def test_a_server_that_drips_is_left_at_the_deadline(
    use: Callable[[SmtpServer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAIL_TIMEOUT_SECONDS", TIMEOUT_SECONDS)

    def drip(peer: socket.socket) -> None:
        for _ in range(int(FAR_BEYOND_SECONDS / 0.1)):
            peer.sendall(b"2")
            time.sleep(0.1)

    started = time.monotonic()
    with raw_receiving(drip) as raw, pytest.raises(OSError, match="took longer"):
        use(server_at(raw))
    assert time.monotonic() - started < FAR_BEYOND_SECONDS / 2
