"""A mail server on loopback (aiosmtpd) that stores mail, and refuses what a test tells it to refuse."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from webhooks_ui.configuration.mail import SmtpServer

LOGIN = LoginPassword(b"portal", b"s3cr:t/@")


@dataclass
class Mail:
    """A received message."""

    sender: str | None
    recipients: list[str]
    message: EmailMessage
    is_encrypted: bool
    user: bytes | None

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class Mailbox:
    """The received messages, and what the server refuses."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # the recipients to refuse
    answer: str = "250 OK"  # the answer to a message
    cut_at: str = ""  # a command, such as DATA. The server cuts the connection instead of answering it
    utf8: bool = False

    def server(self, scheme: str = "smtp", user: str = "", password: str = "") -> SmtpServer:
        """Return the settings that config.py would read from the address of this server."""
        return SmtpServer(scheme, "127.0.0.1", self.port, user, password)

    async def handle_RCPT(self, server: SMTP, _s: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        self._cut(server, "RCPT")
        if address in self.refused:
            return "550 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._cut(server, "DATA")
        if self.answer.startswith("250") and self.cut_at != "DATA":
            assert isinstance(envelope.content, bytes)
            assert server.transport is not None
            message = message_from_bytes(envelope.content, policy=policy.default)
            is_encrypted = server.transport.get_extra_info("cipher") is not None
            user = session.auth_data.login if session.auth_data else None
            self.mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, message, is_encrypted, user))
        return self.answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self._cut(server, "QUIT")
        return "221 Bye"

    def _cut(self, server: SMTP, command: str) -> None:
        if command == self.cut_at:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()


@contextlib.contextmanager
def receiving_mail(scheme: str = "smtp", certificate: tuple[Path, Path] | None = None) -> Iterator[Mailbox]:
    """Run a server at ``.port``. With TLS it shows ``certificate`` and accepts ``LOGIN``."""
    box = Mailbox()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _method: str, data: Any) -> AuthResult:
        return AuthResult(success=data == LOGIN, handled=False, auth_data=data)

    def protocol() -> SMTP:
        starttls = scheme == "smtp+starttls"
        return SMTP(
            box,
            hostname="mail.test",
            enable_SMTPUTF8=box.utf8,
            loop=loop,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if context else None,
            auth_require_tls=starttls or context is None,
        )

    loop = asyncio.new_event_loop()
    at_once = context if scheme == "smtps" else None
    # After browser tests another loop runs in this thread, so this one has a thread of its own from the beginning.
    thread = threading.Thread(target=loop.run_forever, name="mailbox", daemon=True)
    thread.start()
    listening = loop.create_server(protocol, "127.0.0.1", 0, ssl=at_once)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result(10)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    """Stop listening, and end the connections that a client left open."""
    server.close()
    talks = asyncio.all_tasks() - {asyncio.current_task()}
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
