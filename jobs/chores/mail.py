"""Mail: send one message to many people by SMTP. Nobody sees the addresses of the others."""

import contextlib
import logging
import platform
import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import Any

from config import SmtpServer
from jobs.transport.connection import tls_context
from jobs.transport.deadline import DeadlineSocket, deadline

MAIL_TIMEOUT_SECONDS = 10

logger = logging.getLogger(__name__)


class Unanswered(Exception):
    """The server received the message and didn't answer. The message may have been sent or not."""


class Client(smtplib.SMTP):
    """An SMTP client that keeps to the thread's deadline, and knows whether it is sending the message."""

    is_in_message = False

    def _get_socket(self, *args: Any) -> DeadlineSocket:
        sock = super()._get_socket(*args)  # type: ignore[misc]
        return DeadlineSocket(sock.family, sock.type, sock.proto, sock.detach())

    def getreply(self) -> tuple[int, bytes]:
        code, text = super().getreply()
        self.is_in_message = code == 354  # RFC 5321, 4.1.1.4
        return code, text


class TlsClient(smtplib.SMTP_SSL, Client):
    """An SMTP client that uses TLS from the first byte."""


def send_mail(server: SmtpServer, sender: str, recipients: Sequence[str], subject: str, text: str) -> None:
    """Send the message within ``MAIL_TIMEOUT_SECONDS``. If the server refuses only some recipients, log them.

    Raises:
        Unanswered: the message may have been sent.
        OSError: the message was not sent. The server is away, its certificate is wrong, or it refuses the message or
            all recipients.
    """
    message = _message(sender, subject, text)
    deadline.start(MAIL_TIMEOUT_SECONDS)
    with contextlib.closing(_connect(server)) as client:
        _log_in(client, server)
        refused = _hand_over(client, message, sender, recipients)
        with contextlib.suppress(smtplib.SMTPException):  # the server has accepted the message already
            client.quit()
    if refused:
        logger.warning("%s takes no mail for %s", server.host, ", ".join(sorted(refused)))


def try_server(server: SmtpServer) -> None:
    """Connect to the server and log in, but send nothing.

    Raises:
        OSError: the server is away, its certificate is wrong, or it refuses the user or the password.
    """
    deadline.start(MAIL_TIMEOUT_SECONDS)
    with contextlib.closing(_connect(server)) as client:
        _log_in(client, server)
        client.noop()


def _message(sender: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"KeyManager Webhooks <{sender}>"
    message["To"] = "undisclosed-recipients:;"
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
