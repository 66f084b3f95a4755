"""SQLite's writers queue, and none of them fails."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from webhooks_ui.database.sqlite_writers import QueueingConnection


def connect(path: Path) -> QueueingConnection:
    connection = sqlite3.connect(path, factory=QueueingConnection, isolation_level=None, timeout=5)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def test_a_thread_that_would_wait_for_itself_gets_an_error(tmp_path: Path) -> None:
    first, second = connect(tmp_path / "a.db"), connect(tmp_path / "a.db")
    first.begin_writing()
    with pytest.raises(RuntimeError, match="commit first"):
        second.begin_writing()
    first.rollback()
    second.begin_writing()
    second.commit()
    first.close()
    second.close()


def test_a_queue_that_cannot_be_opened_keeps_nobody_from_writing(tmp_path: Path) -> None:
    (tmp_path / "a.db-writers").mkdir()
    connection = connect(tmp_path / "a.db")
    connection.begin_writing()
    connection.execute("CREATE TABLE numbers (n)")
    connection.commit()
    connection.close()


def test_a_second_connection_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """Without them, another process would take itself for the last one, and delete the write-ahead log in use."""
    path = tmp_path / "a.db"
    first = connect(path)
    first.execute("CREATE TABLE numbers (n)")
    second = connect(path)
    other = "import sqlite3, sys; database = sqlite3.connect(sys.argv[1]); database.execute('SELECT * FROM numbers')"
    subprocess.run([sys.executable, "-c", f"{other}; database.close()", path], check=True)
    assert path.with_name("a.db-wal").exists()
    first.execute("INSERT INTO numbers VALUES (1)")
    with contextlib.closing(sqlite3.connect(path)) as third:
        assert third.execute("SELECT n FROM numbers").fetchall() == [(1,)]
    first.close()
    second.close()


def test_writers_take_turns_and_none_fails(tmp_path: Path) -> None:
    setup = connect(tmp_path / "a.db")
    setup.execute("CREATE TABLE numbers (n)")
    setup.close()

    def write() -> None:
        connection = connect(tmp_path / "a.db")
        for _ in range(50):
            connection.begin_writing()
            connection.execute("INSERT INTO numbers VALUES (1)")
            connection.commit()
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check = connect(tmp_path / "a.db")
    assert check.execute("SELECT count(*) FROM numbers").fetchone() == (200,)
    check.close()


def test_a_failed_begin_leaves_the_queue(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connection = sqlite3.connect(tmp_path / "a.db", factory=QueueingConnection, isolation_level=None, timeout=0.05)
    with pytest.raises(sqlite3.OperationalError):
        connection.begin_writing()
    other.rollback()
    connection.begin_writing()
    connection.commit()
    connection.close()
    other.close()
