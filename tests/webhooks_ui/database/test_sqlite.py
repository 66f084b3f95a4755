"""A connection to SQLite neither writes nor waits when it is opened."""

import sqlite3
from pathlib import Path

from webhooks_ui.database.sqlite import INCREMENTAL, prepare


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    prepare(connection)
    return connection


def test_a_new_database_can_give_space_back(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE numbers (n)")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (INCREMENTAL,)
    connection.close()


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
