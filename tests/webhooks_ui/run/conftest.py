"""Fixtures of the tests of ``make run``."""

import os
from pathlib import Path

import pytest

from tests.support.rig import free_port


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a new instance with the default settings and two workers."""
    removed = {"DATABASE_URL", "REDIS_URL", "ADMIN_PASSWORD", "APP_ENV", "SECRET_KEY", "ENCRYPTION_KEYS"}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {"INSTANCE_PATH": str(tmp_path / "in%stance"), "PORT": str(free_port()), "WORKERS": "2"}
