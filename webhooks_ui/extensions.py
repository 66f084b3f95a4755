"""The database, made once and bound to an app in create_app, and how transactions on it begin."""

import select
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import Pool

from webhooks_ui.sqlite_writers import QueueingConnection

SQLITE_BUSY_TIMEOUT_MS = 10_000


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)


def engine_options(database_url: str) -> dict[str, Any]:
    """What SQLAlchemy's engine needs to know of the kind of database."""
    if database_url.startswith("sqlite"):
        return {"connect_args": {"factory": QueueingConnection}}
    return {}


@event.listens_for(Pool, "checkout")
def _drop_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Notice that a PostgreSQL server was restarted, so that no request fails; without asking it each time."""
    if isinstance(connection, sqlite3.Connection):
        return
    unasked = select.poll()
    unasked.register(connection.fileno(), select.POLLIN)
    if unasked.poll(0):
        raise DisconnectionError  # it has something to say though nobody asked: farewell


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Readers beside one writer (WAL), waiting instead of failing, and every commit on the disk (synchronous=FULL)."""
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16384",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Any) -> None:
    """Start reading or, with the execution option ``writes``, writing at once, so that no lock is ever upgraded."""
    if connection.dialect.name != "sqlite":
        return
    if connection.get_execution_options().get("writes"):
        try:
            connection.connection.dbapi_connection.begin_writing()
        except sqlite3.OperationalError as error:  # SQLAlchemy wraps only what passes through it
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error
    else:
        connection.exec_driver_sql("BEGIN")


def start_writing() -> None:
    """Begin the session's transaction as a writing one; what was read before is read anew.

    SQLite refuses to turn a reading transaction into a writing one while others write; PostgreSQL doesn't care.
    """
    db.session.rollback()
    db.session.connection(execution_options={"writes": True})


@contextmanager
def single_query() -> Iterator[Connection]:
    """A connection for one query, which is its own transaction: PostgreSQL would take two more round trips."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def write_transaction() -> Iterator[Connection]:
    """A connection in a writing transaction of its own: committed at the end, rolled back on an error."""
    with db.engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection
