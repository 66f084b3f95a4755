"""Each way in which the database can't be used gets its own sentence, and a server that only reads is left."""

import gc
import math
import sqlite3
import threading
import time
import weakref
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from webhooks_ui import create_app
from webhooks_ui.database import db, dialect, is_conflict, outage, postgresql_patience, reason, write_transaction
from webhooks_ui.database.dialect import dialect as dialect_of
from webhooks_ui.database.postgresql import insert_many
from webhooks_ui.models import Attempt


def write_briefly(app: Flask) -> None:
    with app.app_context(), dialect(db.engine).brief_write(db.engine, 0.2) as connection:
        connection.execute(text("INSERT INTO settings (name, value) VALUES ('x', '1')"))


def test_a_lock_is_told_soon(app: Flask, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "webhooks.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SQLAlchemyError) as caught:
            write_briefly(app)
    assert outage(caught.value) == "The database is locked: something else has been writing to it for too long."
    write_briefly(app)


def test_an_error_is_not_kept(app: Flask) -> None:
    """It would keep its traceback, and with that the connections and requests of all functions in it."""
    try:
        write_wrongly(app)
    except SQLAlchemyError as error:
        kept = weakref.ref(error)
        told = is_conflict(error), outage(error), reason(error)
    gc.collect()
    assert told[:2] == (False, None)
    assert kept() is None


def write_wrongly(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("INSERT OR ELSE"))


def test_a_brief_write_does_not_wait_for_a_queue_that_stands_still(app: Flask) -> None:
    """A writer that is stopped keeps its place in the queue of writers."""
    leave = threading.Event()
    entered = threading.Event()

    def stand() -> None:
        with app.app_context(), db.engine.connect() as connection:
            driver = connection.connection.dbapi_connection
            driver._queue = None  # type: ignore[union-attr]
            with connection.execution_options(writes=True).begin():
                pass
            driver._enter()  # type: ignore[union-attr]
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=stand)
    thread.start()
    entered.wait(10)
    write_briefly(app)
    leave.set()
    thread.join()


def test_a_file_that_is_no_database_is_told(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no database " * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, pytest.raises(sqlite3.Error) as caught:
        other.execute("SELECT 1 FROM x")
    assert outage(caught.value) == "The file of the database is damaged."


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_FULL, "The disk of the database is full."),
        (sqlite3.SQLITE_READONLY, "The database is read-only."),
        (sqlite3.SQLITE_READONLY | 4 << 8, "The database is read-only."),  # SQLITE_READONLY_DBMOVED
        (sqlite3.SQLITE_IOERR | 12 << 8, "The disk of the database has trouble."),
        (sqlite3.SQLITE_CANTOPEN, "The file of the database can't be opened."),
        (sqlite3.SQLITE_CONSTRAINT, None),
    ],
)
def test_codes_of_sqlite_become_sentences(code: int, sentence: str | None) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    assert outage(error) == sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (psycopg.errors.ReadOnlySqlTransaction, "The database is read-only."),
        (psycopg.errors.DiskFull, "The disk of the database is full."),
        (psycopg.errors.TooManyConnections, "The database server accepts no more connections."),
        (psycopg.errors.CannotConnectNow, "The database server is starting or stopping."),
        (psycopg.errors.LockNotAvailable, "The database is locked: something else has been changing it for too long."),
        (psycopg.errors.InvalidPassword, "The database server refuses the user or the password of DATABASE_URL."),
        (psycopg.errors.InsufficientPrivilege, "The user of DATABASE_URL lacks rights to what is in the database."),
        (psycopg.OperationalError, "The database server doesn't answer."),
        (psycopg.errors.UniqueViolation, None),
        (psycopg.DataError, None),
    ],
)
def test_codes_of_postgresql_become_sentences(error: type[psycopg.Error], sentence: str | None) -> None:
    assert outage(error("it failed")) == sentence


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ('FATAL:  password authentication failed for user "eva"', "The database server refuses the user or the"),
        ("fe_sendauth: no password supplied", "The database server refuses the user or the"),
        ('FATAL:  no pg_hba.conf entry for host "::1", no encryption', "The database server refuses the user"),
        ("FATAL:  connection requires a valid client certificate", "The database server refuses the user"),
        ('FATAL:  database "x" does not exist', "The database server has no database of the name in DATABASE_URL."),
        ("FATAL:  sorry, too many clients already", "The database server accepts no more connections."),
        ("FATAL:  the database system is starting up", "The database server is starting or stopping."),
        ("SSL error: certificate verify failed", "No trusted TLS connection to the database server can be made."),
        ('server certificate for "a" does not match host name "b"', "No trusted TLS connection to the database server"),
        ('root certificate file "/ca.pem" does not exist', "No trusted TLS connection to the database server"),
        ('invalid sslmode value: "verify_full"', "An option of DATABASE_URL has a wrong value."),
        ("Connection refused", "The database server doesn't answer."),
        ("server closed the connection unexpectedly\nSSL SYSCALL error: EOF detected", "The database server doesn't"),
    ],
)
def test_a_connection_that_is_refused_is_told_although_the_driver_has_no_code_for_it(said: str, sentence: str) -> None:
    error = psycopg.OperationalError(f'connection failed: connection to server at "::1", port 5432 failed: {said}')
    assert (outage(error) or "").startswith(sentence)


def test_a_connection_that_broke_later_is_no_refusal() -> None:
    error = psycopg.OperationalError("consuming input failed: SSL connection has been closed unexpectedly")
    assert outage(error) == "The database server doesn't answer."


def test_other_errors_are_no_outage() -> None:
    assert outage(ValueError("x")) is None
    assert outage(TimeoutError("x")) == "All connections to the database are in use."


def test_a_reason_is_one_line_with_the_words_of_the_driver() -> None:
    error = DBAPIError.instance("SELECT 1", None, psycopg.OperationalError("no\n  route"), psycopg.Error)
    assert reason(error) == "The database server doesn't answer. (no route)"


class TestPostgreSql:
    """The same app on PostgreSQL."""

    @pytest.fixture
    def database_url(self, postgresql_url: str) -> str:
        return postgresql_url

    @pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
    def test_a_database_that_cannot_keep_every_text_is_refused_at_once(self, app: Flask, encoding: str) -> None:
        """A connection to it would fail at the first emoji, or at the first answer, long after the start."""
        with db.engine.connect() as connection:
            connection.exec_driver_sql(
                f"CREATE DATABASE other ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
            )
        other = create_app(
            app.config
            | {"SQLALCHEMY_DATABASE_URI": app.config["SQLALCHEMY_DATABASE_URI"].replace("/postgres?", "/other?")}
        )
        try:
            with other.app_context(), pytest.raises(DBAPIError, match=f"Its encoding is {encoding}") as caught:
                db.session.execute(text("SELECT 1"))
            assert outage(caught.value) == "The database can't keep every text, because its encoding isn't UTF8."
        finally:
            with db.engine.connect() as connection:
                connection.exec_driver_sql("DROP DATABASE other")

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (("/postgres?", "/nowhere?"), "The database server has no database of the name in DATABASE_URL."),
            (("://postgres", "://eva"), "The database server refuses the user or the password of DATABASE_URL."),
            (("?", "?sslmode=maybe&"), "An option of DATABASE_URL has a wrong value."),
        ],
    )
    def test_why_no_connection_can_be_made_is_told(
        self, database_url: str, change: tuple[str, str], sentence: str
    ) -> None:
        engine = create_engine(database_url.replace(*change, 1).replace("postgresql://", "postgresql+psycopg://"))
        with pytest.raises(DBAPIError) as caught:
            engine.connect()
        assert outage(caught.value) == sentence

    def test_the_encoding_of_the_environment_does_not_count(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
        with db.engine.connect() as connection:
            assert connection.scalar(text("SELECT CAST(:text AS text)"), {"text": "\N{GRINNING FACE}"})

    def test_the_options_of_the_url_count(self, app: Flask) -> None:
        url = f"{app.config['SQLALCHEMY_DATABASE_URI']}&connect_timeout=7&client_encoding=latin1"
        with create_app(app.config | {"SQLALCHEMY_DATABASE_URI": url}).app_context():
            with db.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                parameters = driver.info.get_parameters()
            db.engine.dispose()
        assert parameters["connect_timeout"] == "7"
        assert parameters["keepalives_idle"] == "5"
        assert parameters["client_encoding"] == "utf8"

    def test_connections_to_a_server_that_only_reads_are_replaced(self, app: Flask) -> None:
        """After a failover the old server only reads. A new connection leads to the new one."""
        with db.engine.connect() as connection:
            connection.execute(text("SET default_transaction_read_only = on"))
            connection.commit()
            with pytest.raises(SQLAlchemyError) as caught:
                connection.execute(text("INSERT INTO settings (name, value) VALUES ('x', '1')"))
        assert outage(caught.value) == "The database is read-only."
        write_briefly(app)

    def test_an_error_while_rows_are_written_is_one_of_sqlalchemy(self, app: Flask) -> None:
        with db.engine.connect() as connection, pytest.raises(DBAPIError):
            insert_many(connection, Attempt.__table__, ["delivery_id", "detail"], [(1, "a\0b")])

    def test_a_locked_table_is_told_soon(self, app: Flask) -> None:
        with db.engine.connect().execution_options(writes=True) as other, other.begin():
            other.execute(text("LOCK TABLE settings IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(SQLAlchemyError) as caught:
                write_briefly(app)
        assert "locked" in (outage(caught.value) or "")

    def test_a_request_does_not_wait_for_a_server_that_hangs(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgresql_patience, "ANSWER_SECONDS", 0.3)
        monkeypatch.setattr(postgresql_patience, "_silent_at", -math.inf)
        with app.test_request_context(), db.engine.connect() as connection:
            with pytest.raises(DBAPIError) as caught:
                connection.execute(text("SELECT pg_sleep(30)"))
            assert connection.invalidated
        assert outage(caught.value) == "The database server doesn't answer."
        with app.test_request_context(), db.engine.connect() as connection:
            assert connection.scalar(text("SELECT 7")) == 7

    @pytest.mark.parametrize("waits", [True, False])
    def test_who_waited_behind_an_unanswered_request_hears_of_it_soon(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, waits: bool
    ) -> None:
        """A server that hangs only at commits, because of its disk or its standby, lets everybody connect anew."""
        monkeypatch.setattr(postgresql_patience, "ANSWER_SECONDS", 0.5)
        monkeypatch.setattr(postgresql_patience, "AGAIN_SECONDS", 0.1)
        monkeypatch.setattr(postgresql_patience, "_silent_at", -math.inf)
        with app.test_request_context(), db.engine.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text("SELECT pg_sleep(30)"))
        monkeypatch.setattr(postgresql_patience, "ANSWER_SECONDS", 30.0)
        if not waits:
            monkeypatch.setattr(postgresql_patience, "_silent_at", time.monotonic() - 30)
        with app.test_request_context(), db.engine.connect() as connection:
            outcome = pytest.raises(DBAPIError) if waits else nullcontext()
            with outcome:
                connection.execute(text("SELECT pg_sleep(0.3)"))

    def test_a_transaction_that_loses_its_server_does_not_connect_again(self, app: Flask) -> None:
        """A server that hangs would be waited for a second time, and its error would take the place of the first."""
        connections: list[object] = []
        with db.engine.connect():
            event.listen(db.engine, "connect", lambda *arguments: connections.append(arguments))
        with pytest.raises(DBAPIError, match="terminating connection"), write_transaction() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert connections == []

    def test_only_a_request_has_so_little_patience(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgresql_patience, "ANSWER_SECONDS", 0.1)
        with db.engine.connect() as connection:
            assert connection.scalar(text("SELECT 7 FROM pg_sleep(0.3)")) == 7

    @pytest.mark.usefixtures("app")  # which makes the tables
    def test_what_the_server_prefers_does_not_matter(
        self, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a stricter isolation, an update of a row that somebody else has changed meanwhile is an error."""
        times = "DateStyle=SQL,DMY", "TimeZone=Asia/Tokyo"
        preferred = "default_transaction_isolation=serializable", "array_nulls=off", *times
        monkeypatch.setenv("PGOPTIONS", " ".join(f"-c {setting}" for setting in preferred))
        app = create_app(settings)
        rename = text("UPDATE settings SET value = '2' WHERE name = 'x'")
        with app.app_context():
            write_briefly(app)
            with write_transaction() as connection:
                assert connection.scalar(text("SELECT count(*) FROM settings WHERE name = 'x'")) == 1
                with db.engine.connect() as other:
                    assert other.scalar(text("SHOW transaction_isolation")) == "read committed"
                    assert dialect_of(other).server_time(other) is not None
                    assert other.scalar(text("SELECT CAST('9999-12-31 23:59:59Z' AS timestamptz)")).year == 9999
                    assert other.scalar(text("SELECT CAST('{NULL}' AS text[]) = ARRAY[CAST(NULL AS text)]"))
                    other.execute(rename)
                assert connection.execute(rename).rowcount == 1
            db.engine.dispose()

    def test_the_clock_of_the_server_is_asked(self, app: Flask) -> None:
        with db.engine.connect() as connection:
            assert dialect_of(connection).server_time(connection) is not None
