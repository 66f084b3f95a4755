"""``flask db upgrade`` on a machine that isn't set up yet."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT
from tests.support.rig import free_port

PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": "kV8q3v0aXnC4bT7rJm2eYw5zLd9hUf1g",
    "ENCRYPTION_KEYS": "x" * 43 + "=",
}


def upgrade(instance: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = PRODUCTION | {"PATH": os.environ["PATH"], "INSTANCE_PATH": str(instance)} | settings
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_production_makes_the_folder_of_the_instance_for_its_owner_alone(tmp_path: Path) -> None:
    instance = tmp_path / "new" / "instance"
    done = upgrade(instance)
    assert done.returncode == 0, done.stderr
    assert (instance / "webhooks.db").exists()
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700


def test_a_folder_that_can_not_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Set INSTANCE_PATH to another folder." in the_line(upgrade(tmp_path / "file" / "instance"))


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/webhooks.db", "postgresql://webhooks:x@127.0.0.1:{}/none"])
def test_a_database_that_can_not_be_reached_is_told_in_one_line(tmp_path: Path, url: str) -> None:
    line = the_line(upgrade(tmp_path, DATABASE_URL=url.format(free_port())))
    assert "Check that it runs and that DATABASE_URL is right" in line


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of a command that failed."""
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("Error: ")
    return line
