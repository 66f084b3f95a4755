"""Who owns a transaction: whoever opens one of these blocks. What a block calls never commits.

Views, API, commands and jobs open them. ``writing`` is a transaction of the session, for rows as objects.
``write_transaction`` is one of a connection of its own, for rows by the hundred.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from webhooks_ui.database.dialect import dialect
from webhooks_ui.database.tables import db

_AFTER_COMMIT = "after_commit"


@contextmanager
def writing() -> Iterator[None]:
    """Run the block in one writing transaction of the session.

    What the session read before is read anew. At the end it is committed, on an error rolled back. Then follows what
    was asked of ``after_commit``.
    """
    release()
    db.session.connection(execution_options={"writes": True})
    try:
        yield
        db.session.commit()
    except BaseException:
        release()
        raise
    for callback in db.session.info.pop(_AFTER_COMMIT, ()):
        callback()


def after_commit(callback: Callable[[], object]) -> None:
    """Call ``callback`` once the present ``writing`` block is committed, however often it is asked for."""
    db.session.info.setdefault(_AFTER_COMMIT, {})[callback] = None


def release() -> None:
    """End the session's transaction, so that nobody waits for it. What it changed is lost."""
    db.session.rollback()
    db.session.info.pop(_AFTER_COMMIT, None)


@contextmanager
def single_query() -> Iterator[Connection]:
    """Yield a connection for one query, which is its own transaction."""
    with db.engine.connect() as connection:
        yield connection.execution_options(**dialect(connection).SINGLE_QUERY_OPTIONS)


@contextmanager
def write_transaction() -> Iterator[Connection]:
    """Yield a connection in a writing transaction of its own: committed at the end, rolled back on an error."""
    with db.engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection
