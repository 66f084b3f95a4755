from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import deliver
from tests.rig import postgresql


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
