"""Connections that are kept between transactions are as good as those of the pool."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from tests.support.both_databases import database_url
from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.database import KeptConnections, after_write, db, dialect, kept_connections, write_transaction

__all__ = ["database_url"]  # a fixture


@pytest.fixture
def kept(app: Flask) -> KeptConnections:
    return kept_connections(app)


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def rename(connection: Connection, name: str) -> None:
    connection.execute(text("UPDATE webhooks SET name = :name"), {"name": name})


def test_transactions_after_each_other_have_the_same_connection(kept: KeptConnections) -> None:
    make_webhook()
    checkouts: list[object] = []
    event.listen(db.engine, "checkout", lambda *arguments: checkouts.append(arguments))
    for number in range(3):
        with kept.write_transaction() as connection:
            rename(connection, f"Name {number}")
    assert len(checkouts) == 1
    with write_transaction() as connection:
        assert connection.scalar(text("SELECT name FROM webhooks")) == "Name 2"


def test_two_at_a_time_have_a_connection_each(kept: KeptConnections) -> None:
    with kept.write_transaction(one_statement=True) as one:
        if not dialect(db.engine).FAMILY_IS_ONE_STATEMENT:
            pytest.skip("there is one writer")
        with kept.write_transaction(one_statement=True) as other:
            assert driver(one) is not driver(other)


def test_a_transaction_follows_one_of_a_single_statement(kept: KeptConnections) -> None:
    make_webhook(name="Before")
    with kept.write_transaction(one_statement=True) as connection:
        first = driver(connection)
    with kept.write_transaction() as connection:
        assert driver(connection) is first
        rename(connection, "After")
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    with kept.write_transaction() as connection:
        assert connection.scalar(text("SELECT name FROM webhooks")) == "Before"


def test_an_error_rolls_back_and_gives_the_connection_back(kept: KeptConnections) -> None:
    make_api_key(name="Portal")
    db.session.remove()
    told: list[str] = []

    def fail(connection: Connection) -> None:
        after_write(connection, lambda: told.append("never"))
        connection.execute(text("UPDATE api_keys SET name = 'Other'"))
        connection.execute(text("INSERT INTO api_keys SELECT * FROM api_keys"))

    with pytest.raises(IntegrityError), kept.write_transaction() as connection:
        fail(connection)
    assert connection.closed
    with kept.write_transaction() as connection:
        after_write(connection, lambda: told.append("once"))
        assert connection.scalar(text("SELECT name FROM api_keys")) == "Portal"
    assert told == ["once"]


def keep_two(kept: KeptConnections) -> list[Any]:
    """Return the driver's connections of both, in the order in which they are taken again."""
    if not dialect(db.engine).FAMILY_IS_ONE_STATEMENT:
        pytest.skip("there is one writer")
    with kept.write_transaction() as one, kept.write_transaction() as other:
        return [driver(one), driver(other)]


def test_an_error_of_one_costs_the_others_nothing(kept: KeptConnections) -> None:
    _, other = keep_two(kept)
    with pytest.raises(DBAPIError), kept.write_transaction() as connection:
        connection.execute(text("SELECT 1 / 0"))
    with kept.write_transaction() as connection:
        assert driver(connection) is other


def test_one_that_lost_its_server_ends_the_others(kept: KeptConnections, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = [each.info.backend_pid for each in keep_two(kept)]
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid, 5000) FROM unnest(:pids) AS pid"), {"pids": pids})
    monkeypatch.setattr(dialect(db.engine), "check_alive", lambda _connection: None)
    with pytest.raises(OperationalError), kept.write_transaction():
        pass
    with kept.write_transaction() as connection:
        assert driver(connection).info.backend_pid not in pids


def test_a_server_that_was_restarted_costs_nobody_an_error(kept: KeptConnections) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    make_webhook()
    with kept.write_transaction() as connection:
        own = driver(connection).info.backend_pid
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:own, 5000)"), {"own": own})
    with kept.write_transaction() as connection:
        rename(connection, "Other")
        assert driver(connection).info.backend_pid != own


def test_none_is_left_when_the_engine_closes_all(kept: KeptConnections) -> None:
    with kept.write_transaction() as connection:
        first = driver(connection)
    db.engine.dispose()
    with kept.write_transaction() as connection:
        assert driver(connection) is not first
