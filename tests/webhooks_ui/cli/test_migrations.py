"""``flask db`` on a machine that isn't set up yet, and on databases of other versions."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from config import ROOT
from tests.support.rig import free_port
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.checks.revisions import known
from webhooks_ui.database import write_transaction

PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": "kV8q3v0aXnC4bT7rJm2eYw5zLd9hUf1g",
    "ENCRYPTION_KEYS": "x" * 43 + "=",
}


def upgrade(instance: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = PRODUCTION | {"PATH": os.environ["PATH"], "INSTANCE_PATH": str(instance)} | settings
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def revision(app: Flask) -> Iterator[Callable[[str], None]]:
    """Return a function that gives the database another revision. Its tables stay those of this version."""

    def write(revision: str) -> None:
        with write_transaction() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})

    yield write
    with write_transaction() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "list"),
        ("users", "create", "eva@example.com", "--role", "viewer", "--password-stdin"),
        ("api-keys", "create", "tour", "--environment", "production"),
        ("events", "publish", "license.activated", "--environment", "production"),
        ("event-types", "list"),
        ("deliveries", "purge"),
        ("secrets", "rotate-key"),
    ],
)
def test_a_command_leaves_a_database_of_an_older_version_alone(
    run: Run, revision: Callable[[str], None], arguments: tuple[str, ...]
) -> None:
    revision("0010")
    done = run(*arguments, input="correct horse battery staple\n")
    assert done.exit_code == 1
    assert done.output.startswith(
        f"Error: The database is of version 0010, and this version needs {known()[-1]}. Run: "
    )
    assert done.output.endswith(" db upgrade\n")


def test_a_table_that_an_older_version_lacks_is_explained(
    run: Run, app: Flask, revision: Callable[[str], None]
) -> None:
    """The check of an argument asks the database before the command begins."""
    revision("0010")
    with write_transaction() as connection:
        connection.exec_driver_sql("DROP TABLE event_types")
    done = run("events", "publish", "license.activated", "--environment", "production")
    assert "The database is of version 0010" in done.output


def test_help_and_repairs_need_no_present_version(run: Run, revision: Callable[[str], None], tmp_path: Path) -> None:
    revision("0010")
    assert run("users", "create", "--help").exit_code == 0
    assert run("backup", str(tmp_path / "backups")).exit_code == 0
    assert "The database is not migrated." in run("doctor").output


def test_a_command_works_on_a_database_of_a_newer_version(run: Run, revision: Callable[[str], None]) -> None:
    """In the middle of an upgrade the old code goes on."""
    revision("9999")
    assert run("users", "list").exit_code == 0


@pytest.mark.parametrize("words", ["upgrade", "downgrade 0001", "current"])
def test_a_migration_of_a_newer_version_is_refused_in_words(
    run: Run, revision: Callable[[str], None], words: str
) -> None:
    revision("9999")
    done = run("db", *words.split())
    assert done.exit_code == 1
    assert done.output == (
        "Error: The database was migrated by a newer version. Its revision is 9999, and this version knows up to "
        f"{known()[-1]}. Install the newer version.\n"
    )


def test_an_unknown_revision_is_refused_in_words(run: Run, revision: Callable[[str], None]) -> None:
    revision(known()[-1])
    for words in ("downgrade 9999", "upgrade none", "show 9999"):
        done = run("db", *words.split())
        assert done.exit_code == 1
        assert done.output.startswith(f"Error: There is no revision {words.split()[1]}. To see all, run: ")
        assert done.output.endswith(" db history\n")


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
    assert "Check that the database runs and that DATABASE_URL is right" in line


def test_tables_that_no_migration_made_are_not_blamed_on_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "webhooks.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE webhooks (id INTEGER PRIMARY KEY)")
    line = the_line(upgrade(tmp_path, DATABASE_URL=f"sqlite:///{file}"))
    assert line == "Error: The database answers, but refuses a statement: table webhooks already exists"


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of a command that failed."""
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("Error: ")
    return line
