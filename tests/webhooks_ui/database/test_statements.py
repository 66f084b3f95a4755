"""What the driver runs directly behaves as what SQLAlchemy runs: values, rows, transactions and errors."""

import contextlib
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import bindparam, event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.support.both_databases import database_url
from tests.support.factories import make_api_key, make_webhook
from webhooks_ui.database import db, dialect, single_query, write_transaction
from webhooks_ui.database.statements import Query, run
from webhooks_ui.models import ApiKey, Webhook, utcnow

__all__ = ["database_url"]  # a fixture

pytestmark = pytest.mark.usefixtures("app")


def test_a_query_returns_what_sqlalchemy_returns() -> None:
    key, _ = make_api_key(name="Portal")
    columns = ApiKey.__table__.c
    names = ("id", "name", "scopes", "created_at", "last_used_at")
    statement = select(*(columns[name] for name in names)).where(columns.id == bindparam("id"))
    with single_query() as connection:
        assert Query(statement).rows(connection, {"id": key.id}) == [
            tuple(row) for row in connection.execute(statement, {"id": key.id})
        ]


def test_times_lists_and_floats_come_as_sqlalchemy_gives_them() -> None:
    at = utcnow()
    make_webhook(throttle_rate=2.5, throttled_until=at, failures=[{"outcome": "timeout"}])
    columns = Webhook.__table__.c
    statement = select(columns.throttle_rate, columns.throttled_until, columns.failures).where(
        columns.name == bindparam("name")
    )
    with single_query() as connection:
        (row,) = Query(statement).rows(connection, {"name": "Orders"})
    assert row == (2.5, at, [{"outcome": "timeout"}])


def test_rows_are_selected_with_named_values() -> None:
    make_api_key(name="50 %: Portal")
    own = dialect(db.engine)
    source = f"api_keys WHERE name LIKE '50 %' AND CAST(name AS TEXT) = :name AND id IN {own.JSON_IDS}"
    with single_query() as connection:
        found = own.select_rows(connection, str, "name", source, {"name": "50 %: Portal", "ids": "[1, 2]", "other": 3})
    assert found == ["50 %: Portal"]


def test_it_is_part_of_the_transaction() -> None:
    make_api_key(name="Portal")
    db.session.remove()
    with write_transaction() as connection:
        run(connection, "UPDATE api_keys SET name = 'Other'", ())
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    with db.engine.connect() as connection:
        assert run(connection, "SELECT name FROM api_keys", ()) == [("Portal",)]


def test_many_ids_go_to_the_driver_as_one_text() -> None:
    ids = [make_webhook(name=f"Webhook {n}").id for n in range(3)]
    of = dialect(db.engine)
    sent: list[Any] = []
    event.listen(db.engine, "before_cursor_execute", lambda *given: sent.extend(_values(given[3])))
    with db.engine.connect() as connection:
        found = connection.scalars(select(Webhook.id).where(of.among(Webhook.id, ids[1:])).order_by(Webhook.id)).all()
        bound = Query(select(Webhook.id).where(of.among_bound(Webhook.id)).order_by(Webhook.id))
        assert found == [id for (id,) in bound.rows(connection, {"ids": ids[1:]})] == ids[1:]
    assert [type(value) for value in sent] == [str]


def _values(parameters: Any) -> Iterable[Any]:
    return parameters.values() if isinstance(parameters, dict) else parameters


def test_an_error_is_one_of_sqlalchemy_without_the_values() -> None:
    make_api_key(name="Portal")
    db.session.remove()
    mark = "?" if db.engine.dialect.paramstyle == "qmark" else "%s"
    statement = f"INSERT INTO api_keys SELECT * FROM api_keys WHERE name = {mark}"
    with pytest.raises(IntegrityError) as error, write_transaction() as connection:
        run(connection, statement, ("Portal",))
    assert "Portal" not in str(error.value.statement) + str(error.value.params)
    with write_transaction() as connection:
        assert run(connection, "SELECT count(*) FROM api_keys", ()) == [(1,)]


def test_a_connection_that_breaks_is_replaced() -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    with db.engine.connect() as connection:
        run(connection, "SELECT 1", ())
        own = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        with db.engine.connect() as other:
            run(other, f"SELECT pg_terminate_backend({own})", ())
        with pytest.raises(DBAPIError) as error:
            run(connection, "SELECT 1", ())
        assert error.value.connection_invalidated
        connection.rollback()
        assert run(connection, "SELECT 1", ()) == [(1,)]


def test_threads_that_hold_a_connection_do_not_wait_for_each_other() -> None:
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(db.engine.connect()) for _ in range(40)]
        assert [connection.scalar(text("SELECT 1")) for connection in connections] == [1] * 40
