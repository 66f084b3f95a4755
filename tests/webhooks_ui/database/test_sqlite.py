"""A connection to SQLite neither writes nor waits when it is opened, and is replaced if it can't write."""

import sqlite3
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from config import load
from tests.support.factories import make_webhook
from webhooks_ui import create_app
from webhooks_ui.database import db, outage, write_transaction
from webhooks_ui.database.sqlite import INCREMENTAL, data_file, prepare


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    prepare(connection)
    return connection


def test_a_new_database_can_give_space_back(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE numbers (n)")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (INCREMENTAL,)
    connection.close()


def test_the_files_are_found_whatever_signs_their_path_has(tmp_path: Path) -> None:
    """With a question mark, /readyz said that the file is gone, and the queue of writers was in the folder above."""
    folder = tmp_path / "my files%20#1?"
    app = create_app(load({"INSTANCE_PATH": str(folder), "REDIS_URL": "redis://nowhere"}), web=False)
    with app.app_context():
        db.create_all()
        with write_transaction():
            pass
        assert data_file(db.engine) == folder / "webhooks.db"
        assert (folder / "webhooks.db-writers").exists()
        assert list(tmp_path.iterdir()) == [folder]
        db.engine.dispose()


def test_a_connection_opens_beside_a_writer_and_writes_nothing(tmp_path: Path) -> None:
    first = connect(tmp_path / "a.db")
    first.execute("CREATE TABLE numbers (n)")
    before = first.execute("PRAGMA data_version").fetchone()
    writer = connect(tmp_path / "a.db")
    writer.execute("BEGIN IMMEDIATE")
    connect(tmp_path / "a.db").close()
    writer.rollback()
    assert first.execute("PRAGMA data_version").fetchone() == before
    writer.close()
    first.close()


def test_a_connection_that_can_only_read_is_replaced(app: Flask) -> None:
    """SQLite makes one while nobody may write to the file, and it would stay so."""
    make_webhook()
    db.session.remove()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(OperationalError) as caught, write_transaction():
        pytest.fail("It began to write.")
    assert outage(caught.value) == "The database is read-only."
    with write_transaction() as connection:
        connection.exec_driver_sql("UPDATE webhooks SET name = 'Other'")
