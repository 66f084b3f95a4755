"""``flask import-sqlite`` brings an installation from SQLite to PostgreSQL, with everything that it keeps."""

import itertools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    Table,
    null,
    select,
    text,
)

from jobs import deliver
from tests.support.factories import make_api_key, make_event, make_process, make_user, make_webhook
from tests.support.receivers import Receiver
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui import create_app
from webhooks_ui.checks import revisions
from webhooks_ui.cli import import_sqlite
from webhooks_ui.database import db, postgresql_import, write_transaction
from webhooks_ui.models import Delivery, DeliveryStatus, Event, Process, User, Webhook, key_check, utcnow

ROWS = 3
JSON_VALUES = ({"ü": [1, 2.5, None, "\x00 \ud83d"]}, JSON.NULL, null(), "5", 10**17, True)


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
def tables_gone(app: Flask) -> Iterator[None]:
    """Begin with a database that has no tables, and leave none of Alembic."""
    db.drop_all()
    yield
    db.session.remove()
    with write_transaction() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    db.create_all()


@pytest.fixture
def old(app: Flask, settings: dict[str, Any], tmp_path: Path) -> Flask:
    """The app of an instance on SQLite whose keys are those of ``app``."""
    return create_app(settings | {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'old' / 'webhooks.db'}"})


@contextmanager
def on(old: Flask) -> Iterator[Path]:
    """Run the block on the old instance, whose tables are made. Yield its database."""
    with old.app_context():
        file = Path(db.engine.url.database or "")
        file.parent.mkdir(exist_ok=True)
        upgrade()
        yield file
        db.session.remove()
        db.engine.dispose()


def value(column: Column[Any], number: int) -> Any:
    """Return a value that the type of a column has, another one for each row."""
    kind = getattr(column.type, "impl", column.type)
    if column.foreign_keys or column.name == "id":
        return number
    if isinstance(kind, JSON):
        return next(itertools.islice(itertools.cycle(JSON_VALUES), number, None)) if column.nullable else JSON.NULL
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number * 10**8
    if isinstance(kind, Double):
        return number / 3
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) * number
    if isinstance(kind, DateTime):
        return datetime(2026, 10, 25, 0, 30, 0, number, UTC) + timedelta(hours=number)  # some clocks go back then
    if column.nullable and number == ROWS:
        return None
    return f"{number}\t\\N\n'ß\N{GRINNING FACE}"[: getattr(kind, "length", None)]


def fill(connection: Connection, table: Table) -> None:
    for number in range(1, ROWS + 1):
        connection.execute(table.insert().values({column: value(column, number) for column in table.columns}))


def content(connection: Connection, table: Table) -> list[Any]:
    rows = connection.execute(select(table)).all()
    json = [column for column in table.columns if isinstance(getattr(column.type, "impl", column.type), JSON)]
    absent = [sorted(connection.scalars(select(column.is_(null())).select_from(table))) for column in json]
    return [sorted(map(repr, rows)), absent]


def test_every_value_of_every_table_comes_over(run: Run, app: Flask, old: Flask, tables_gone: None) -> None:
    tables = [table for table in db.metadata.sorted_tables if table is not Process.__table__]
    with on(old) as file:
        key_check.check_keys()
        with write_transaction() as connection:
            for table in tables:
                fill(connection, table)
        with db.engine.connect() as connection:
            before = {table.name: content(connection, table) for table in tables}
    done = run("import-sqlite", str(file))
    assert done.exit_code == 0, done.output
    assert f"\n{ROWS * len(tables) + 1} rows in all." in done.output
    with db.engine.connect() as connection:
        assert {table.name: content(connection, table) for table in tables} == before


def test_the_service_goes_on_where_it_was(
    run: Run, app: Flask, old: Flask, tables_gone: None, receiver: Receiver
) -> None:
    with on(old) as file:
        make_user()
        make_api_key()
        secret = make_webhook(url=receiver.url).secret
        make_event()
        deliver.deliver()
        make_event()  # is pending
    assert len(receiver.requests) == 1
    done = run("import-sqlite", str(file))
    assert done.exit_code == 0, done.output
    assert "\nattempts: 1\n" in done.output
    assert f"{file} stays as it is." in done.output
    assert "can be decrypted" not in done.stderr
    assert db.session.scalars(select(User)).one().has_password("correct horse battery")
    assert db.session.scalars(select(Webhook)).one().secret == secret
    db.session.rollback()
    make_event()
    deliver.deliver()
    assert len(receiver.requests) == 3
    assert set(db.session.scalars(select(Delivery.status))) == {DeliveryStatus.DELIVERED}
    assert sorted(db.session.scalars(select(Event.id))) == [1, 2, 3]


def test_what_stands_in_the_log_of_a_killed_service_comes_over(
    run: Run, app: Flask, old: Flask, tables_gone: None, tmp_path: Path
) -> None:
    with on(old) as file:
        make_webhook(name="Committed last")
        killed = tmp_path / "killed"
        killed.mkdir()
        for path in file.parent.iterdir():
            (killed / path.name).write_bytes(path.read_bytes())
    assert (killed / "webhooks.db-wal").stat().st_size
    assert run("import-sqlite", str(killed / "webhooks.db")).exit_code == 0
    assert db.session.scalars(select(Webhook.name)).all() == ["Committed last"]


def test_a_database_that_is_not_empty_is_refused_and_stays(run: Run, app: Flask, old: Flask, tables_gone: None) -> None:
    with on(old) as file:
        make_webhook(name="Old")
    upgrade()
    make_user()
    done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert "The database of DATABASE_URL isn't empty: there are rows in users." in done.output
    assert db.session.scalars(select(Webhook)).all() == []


def test_a_service_that_runs_is_refused(run: Run, app: Flask, old: Flask, tables_gone: None) -> None:
    with on(old) as file:
        make_process("worker", beat_at=utcnow())
    done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert "1 process of the service run: worker 4711 on here.example.com. Stop them" in done.output


def test_a_refused_file_is_closed(run: Run, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def open_noted(file: Path) -> sqlite3.Connection:
        opened.append(sqlite3.connect(file))
        return opened[-1]

    monkeypatch.setattr(import_sqlite, "_open", open_noted)
    (tmp_path / "empty.db").touch()
    assert "has no tables of this product" in run("import-sqlite", str(tmp_path / "empty.db")).output
    assert len(opened) == 2
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            connection.execute("SELECT 1")


def test_another_version_is_refused(run: Run, app: Flask, old: Flask, tables_gone: None) -> None:
    with old.app_context():
        file = Path(db.engine.url.database or "")
        file.parent.mkdir()
        upgrade(revision="0004")
        db.engine.dispose()
    done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert (
        f"{file} is of version 0004, and this version needs {revisions.known()[-1]}. Run: DATABASE_URL=" in done.output
    )
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "Install the newer version." in run("import-sqlite", str(file)).output


@pytest.mark.parametrize("change", ["disabled_reason = 'private' || char(0)", "environment = 'private environment'"])
def test_a_value_that_does_not_fit_changes_nothing_and_is_not_shown(
    run: Run, app: Flask, old: Flask, tables_gone: None, change: str
) -> None:
    with on(old) as file:
        make_webhook()
        make_webhook()
        with closing(sqlite3.connect(file)) as database, database:  # such as somebody did by hand
            database.execute(f"UPDATE webhooks SET {change} WHERE id = 2")
    done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert "Error: Row 2 of the table webhooks can't be copied: " in done.output
    assert "private" not in done.output
    assert db.session.scalars(select(Webhook)).all() == []


def test_a_file_that_is_no_database_is_refused(run: Run, app: Flask, tables_gone: None, tmp_path: Path) -> None:
    assert "There is no file" in run("import-sqlite", str(tmp_path / "nobody.db")).output
    other = tmp_path / "other.db"
    for content, words in ((b"", "has no tables of this product"), (b"nonsense" * 1_000, "not a database")):
        other.write_bytes(content)
        done = run("import-sqlite", str(other))
        assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
        assert words in done.output


def test_it_does_not_wait_for_ever_for_another_program(
    run: Run, app: Flask, old: Flask, tables_gone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_import, "LOCK_SECONDS", 1)
    with on(old) as file:
        make_webhook()
    upgrade()
    with write_transaction() as other:
        other.execute(text("SELECT name FROM webhooks"))
        done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert "Another program uses the tables of DATABASE_URL." in done.output


class TestOnSqlite:
    @pytest.fixture
    def database_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'webhooks.db'}"

    def test_it_goes_to_postgresql_alone(self, run: Run, app: Flask, tmp_path: Path) -> None:
        done = run("import-sqlite", os.fspath(tmp_path / "webhooks.db"))
        assert done.exit_code == 1
        assert "DATABASE_URL must name the database of PostgreSQL" in done.output


def test_a_file_that_our_keys_do_not_open_is_refused_before_anything_is_written(
    run: Run, app: Flask, old: Flask, tables_gone: None
) -> None:
    old.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    with on(old) as file:
        make_webhook()
    done = run("import-sqlite", str(file))
    assert done.exit_code == 1
    assert f"ENCRYPTION_KEYS are not those that {file} was encrypted with, so nothing was copied." in done.output
    assert revisions.present() is None
