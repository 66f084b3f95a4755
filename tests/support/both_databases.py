"""A fixture to import: it runs each test that needs a database on both kinds of database."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'webhooks.db'}"
    return str(request.getfixturevalue("postgresql_url"))
