"""The ``db`` object, which ``create_app`` binds to an app, and the setup of its connections."""

from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase

from webhooks_ui.database.dialect import dialect, dialect_of_url

# Of connections. There are no more than the threads need, two each at most. If there were fewer, threads that hold one
# would wait for each other.
NO_LIMIT = -1


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


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with engines that follow the dialect of their database."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Any) -> Engine:
        """Make an engine that prepares and checks its connections, and begins transactions, as its dialect says."""
        url = make_url(options["url"])
        own = dialect_of_url(str(url))
        options["hide_parameters"] = True  # an error of a statement is logged, and its values may be secrets
        if "poolclass" not in options:  # that of a database in memory has one connection
            options["max_overflow"] = NO_LIMIT
            options["pool_use_lifo"] = True  # the one used last is warm, here and in the server
        defaults = {name: value for name, value in own.CONNECT_ARGUMENTS.items() if name not in url.query}
        options["connect_args"] = defaults | options.get("connect_args", {})
        engine = super()._make_engine(bind_key, options, app)
        event.listen(engine, "do_connect", lambda _dialect, _record, values, named: own.connect(values, named))
        event.listen(engine, "connect", lambda connection, _record: own.prepare(connection))
        event.listen(engine, "checkout", lambda connection, _record, _proxy: own.check_alive(connection))
        event.listen(engine, "begin", _begin)
        event.listen(engine, "handle_error", own.note_error)
        return engine


def _begin(connection: Connection) -> None:
    """Begin a transaction: a writing one if the execution option ``writes`` is set, else a reading one.

    With the option ``without_begin``, each statement is a transaction by itself.
    """
    options = connection.get_execution_options()
    if "without_begin" not in options:
        dialect(connection).begin(connection, options.get("writes", False))


db = Database(model_class=Base)
