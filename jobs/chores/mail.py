"""Mail: send one message to one or many people by SMTP. Nobody sees the addresses of the others."""

import contextlib
import logging
import platform
import smtplib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import Any

from jobs.transport.authorities import tls_context
from webhooks_ui.configuration.mail import SmtpServer

MAIL_TIMEOUT_SECONDS = 10

logger = logging.getLogger(__name__)


class Unanswered(Exception):
    """The server received the message and didn't answer. The message may have been sent or not."""


class Client(smtplib.SMTP):
    """An SMTP client that keeps to a deadline for all that it does, and knows whether it is sending the message.

    smtplib's own timeout begins anew with each read, so a server that drips would hold us for ever.
    """

    is_in_message = False
    _guard: threading.Timer | None = None
    _other: socket.socket | None = None

    def _get_socket(self, *args: Any) -> socket.socket:
        began = time.monotonic()
        connected: socket.socket = super()._get_socket(*args)  # type: ignore[misc]
        self._other = connected.dup()  # TLS takes the first one over
        self._guard = threading.Timer(began + MAIL_TIMEOUT_SECONDS - time.monotonic(), _cut, (self._other,))
        self._guard.daemon = True
        self._guard.start()
        return connected

    def close(self) -> None:
        super().close()
        if self._guard and self._other:
            self._guard.cancel()
            self._other.close()

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()
        self.is_in_message = code == 354  # RFC 5321, 4.1.1.4
        return code, text


class TlsClient(smtplib.SMTP_SSL, Client):
    """An SMTP client that uses TLS from the first byte."""

    def _get_socket(self, *args: Any) -> socket.socket:
        try:
            return super()._get_socket(*args)
        except OSError:  # the certificate isn't trusted, for example
            self.close()
            raise


def _cut(connection: socket.socket) -> None:
    """End a connection, so that whoever waits for it goes on."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def send_mail(server: SmtpServer, sender: str, recipients: Sequence[str], subject: str, text: str) -> None:
    """Send the message within ``MAIL_TIMEOUT_SECONDS``. If the server refuses only some recipients, log them.

    Raises:
        Unanswered: the message may have been sent.
        OSError: the message was not sent. The server is away, its certificate is wrong, or it refuses the message or
            all recipients.
    """
    message = _message(sender, recipients, subject, text)
    with _connected(server) as client:
        refused = _hand_over(client, message, sender, recipients)
        with contextlib.suppress(smtplib.SMTPException):  # the server has accepted the message already
            client.quit()
    if refused:
        logger.warning("%s takes no mail for %s", server.host, ", ".join(sorted(refused)))


def try_server(server: SmtpServer) -> None:
    """Connect to the server and log in within ``MAIL_TIMEOUT_SECONDS``, but send nothing.

    Raises:
        OSError: the server is away, its certificate is wrong, or it refuses the user or the password.
    """
    with _connected(server) as client:
        client.noop()


@contextlib.contextmanager
def _connected(server: SmtpServer) -> Iterator[Client]:
    """Yield a client that is logged in. Close it at the end.

    Raises:
        OSError: something failed, or took too long.
    """
    began = time.monotonic()
    try:
        with contextlib.closing(_connect(server)) as client:
            _log_in(client, server)
            yield client
    except OSError as error:
        if time.monotonic() - began < MAIL_TIMEOUT_SECONDS:
            raise
        raise TimeoutError(f"The mail server {server.host} took longer than {MAIL_TIMEOUT_SECONDS} s.") from error


def _message(sender: str, recipients: Sequence[str], subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"KeyManager Webhooks <{sender}>"
    message["To"] = recipients[0] if len(recipients) == 1 else "undisclosed-recipients:;"
    message["Subject"] = subject
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # asks for no automatic replies (RFC 3834)
    message.set_content(text, cte="quoted-printable")
    return message


def _connect(server: SmtpServer) -> Client:
    name = platform.node()
    name = name if "." in name else "[127.0.0.1]"  # else smtplib asks the DNS, which may take long
    if server.scheme == "smtps":
        return TlsClient(server.host, server.port, name, timeout=MAIL_TIMEOUT_SECONDS, context=tls_context())
    return Client(server.host, server.port, name, MAIL_TIMEOUT_SECONDS)


def _log_in(client: Client, server: SmtpServer) -> None:
    if server.scheme == "smtp+starttls":
        client.starttls(context=tls_context())
    if server.user:
        client.login(server.user, server.password)


def _hand_over(client: Client, message: EmailMessage, sender: str, recipients: Sequence[str]) -> set[str]:
    """Send the message. Return the recipients that don't get it."""
    client.ehlo_or_helo_if_needed()
    # If one address needs SMTPUTF8 (RFC 6531) and the server lacks it, smtplib sends the message to nobody.
    possible = [address for address in recipients if address.isascii() or client.has_extn("smtputf8")]
    try:
        refused = client.send_message(message, sender, possible or recipients)
    except smtplib.SMTPServerDisconnected as error:
        if client.is_in_message:
            raise Unanswered(f"no answer to the message: {error}") from error
        raise
    return {*recipients} - {*possible} | {*refused}
