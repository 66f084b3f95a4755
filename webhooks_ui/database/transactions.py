"""The blocks that own transactions. Code that a block calls never commits.

Views, API, commands and jobs open these blocks. ``writing`` is a transaction of the session, for rows as objects.
``write_transaction`` is a transaction on a separate connection, for rows by the hundred.
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

    The session first forgets the rows that it has read. The transaction is committed at the end, or rolled back on an
    error. After the commit, the callbacks given to ``after_commit`` run.
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
    """Call ``callback`` after the commit of the current ``writing`` block, once even if it is given repeatedly."""
    db.session.info.setdefault(_AFTER_COMMIT, {})[callback] = None


def release() -> None:
    """Roll back the session's transaction, so that it holds no lock. Uncommitted changes are lost."""
    db.session.rollback()
    db.session.info.pop(_AFTER_COMMIT, None)


@contextmanager
def single_query() -> Iterator[Connection]:
    """Yield a connection for a single query."""
    with db.engine.connect() as connection:
        yield connection.execution_options(without_begin=True)


@contextmanager
def write_transaction(*, one_statement: bool = False) -> Iterator[Connection]:
    """Yield a separate connection in a writing transaction. Commit it at the end, or roll it back on an error.

    After the commit, the callbacks given to ``after_write`` run.

    Args:
        one_statement: the block changes the database with a single ``insert_family``. Where that is one statement, it
            commits by itself, which saves round trips. What the block does afterwards rolls nothing back then.
    """
    with db.engine.connect() as connection, transaction_on(connection, one_statement=one_statement):
        yield connection


@contextmanager
def transaction_on(connection: Connection, *, one_statement: bool) -> Iterator[None]:
    """Do on ``connection`` what ``write_transaction`` does on one of its own."""
    writes = not (one_statement and dialect(connection).FAMILY_IS_ONE_STATEMENT)
    if connection.get_execution_options().get("writes", False) != writes:
        connection.execution_options(writes=writes)
    try:
        with connection.begin():
            yield
    finally:
        # To look at what a broken connection has would connect anew, and wait for a server that doesn't answer.
        callbacks = () if connection.invalidated else connection.info.pop(_AFTER_COMMIT, ())
    for callback in callbacks:  # not after an error, which leaves this function above
        callback()


def after_write(connection: Connection, callback: Callable[[], object]) -> None:
    """Call ``callback`` after the commit of this ``write_transaction``, once even if it is given repeatedly."""
    connection.info.setdefault(_AFTER_COMMIT, {})[callback] = None
