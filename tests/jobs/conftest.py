import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs import deliver
from jobs.send import Result
from jobs.transport import connection
from tests.jobs.sending import TIMEOUT_SECONDS, sending
from tests.support.rig import postgresql


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain that a test runs ends as soon as it has nothing to do."""
    monkeypatch.setattr(deliver, "LINGER_SECONDS", 0)


@pytest.fixture
def web() -> bool:
    """The pipeline is tested as a worker runs it: without pages."""
    return False


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each test of the pipeline that needs a database runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'webhooks.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def send() -> Callable[[str], Result]:
    return sending(10.0)


@pytest.fixture
def send_briefly() -> Callable[[str], Result]:
    """For endpoints that would take for ever: gives up after ``TIMEOUT_SECONDS``."""
    return sending(TIMEOUT_SECONDS)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver of our own: host → addresses, taken in turn when the list holds lists."""
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
    """The addresses that the sender tried to connect to; nothing leaves."""
    addresses: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(connection.DeadlineSocket, "connect", connect)
    return addresses
