"""Connections for those who write all the time: they don't go back to the pool between transactions.

For a small transaction, the pool takes as long as the rest.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DisconnectionError

from webhooks_ui.database.dialect import dialect
from webhooks_ui.database.tables import db
from webhooks_ui.database.transactions import transaction_on


class KeptConnections:
    """Opens writing transactions, and keeps their connections. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[Connection] = deque()
        event.listen(engine, "engine_disposed", lambda _engine: self.close())

    @contextmanager
    def write_transaction(self, *, one_statement: bool = False) -> Iterator[Connection]:
        """Do what ``transactions.write_transaction`` does."""
        connection = self._take()
        try:
            with transaction_on(connection, one_statement=one_statement):
                yield connection
        except BaseException:
            if connection.invalidated:
                self.close()  # the others lead to the lost server, too
            connection.close()
            raise
        self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        while connection := self._pop():
            connection.detach()  # else it would go back to the pool
            connection.close()

    def _take(self) -> Connection:
        """Return a connection that its server hasn't closed."""
        while connection := self._pop():
            try:
                dialect(connection).check_alive(connection.connection.driver_connection)
            except DisconnectionError:
                connection.invalidate()
                connection.close()
            else:
                return connection
        return self._engine.connect()

    def _pop(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None


def kept_connections(app: Flask) -> KeptConnections:
    """Return those of this process. The context of ``app`` is needed."""
    if "kept_connections" not in app.extensions:
        app.extensions.setdefault("kept_connections", KeptConnections(db.engine))
    kept: KeptConnections = app.extensions["kept_connections"]
    return kept
