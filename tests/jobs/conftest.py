"""Fixtures for the pipeline: both kinds of database, functions that send, and a network that a test controls."""

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import deliver
from jobs.transport import handle
from tests.jobs.sending import TIMEOUT_SECONDS, Send, sending
from tests.support.authorities import Authority
from tests.support.both_databases import database_url

__all__ = ["database_url"]


WAIT_SECONDS = deliver.WAIT_SECONDS


@pytest.fixture
def waiting_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a drain wait for a webhook that may send again soon, as in the product."""
    monkeypatch.setattr(deliver, "WAIT_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(deliver, "LINGER_SECONDS", 0.1)  # ten looks in this time


@pytest.fixture
def web() -> bool:
    """Make the app without pages, as a worker does."""
    return False


@pytest.fixture
def send() -> Iterator[Send]:
    """Yield a function that sends to a URL, with a timeout that no test reaches."""
    with sending(10.0) as send:
        yield send


@pytest.fixture
def send_briefly() -> Iterator[Send]:
    """Yield a function that sends to a URL and gives up after ``TIMEOUT_SECONDS``."""
    with sending(TIMEOUT_SECONDS) as send:
        yield send


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return a dict of host names and addresses that the resolver uses. A name without addresses doesn't exist."""
    table: dict[str, list[str]] = {}
    genuine = socket.getaddrinfo

    def fake(host: str, port: int, *args: object, **kwargs: object) -> object:
        if host not in table:
            return genuine(host, port, *args, **kwargs)  # type: ignore[arg-type]
        if not table[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in table[host]]

    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return table


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that collects the addresses to which a sender connects. Refuse all these connections."""
    addresses: list[object] = []

    def open_socket(_family: int, _kind: int, _protocol: int, address: object) -> int:
        addresses.append(address)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(handle, "open_socket", open_socket)
    return addresses


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that workers trust, too."""
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return authority
