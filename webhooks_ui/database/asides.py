"""Writes that a request can do without, such as when a key was last used. They neither fail a request nor delay it."""

import logging
from time import monotonic

from flask import current_app
from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError, TimeoutError

from webhooks_ui import logs
from webhooks_ui.database.dialect import dialect, reason
from webhooks_ui.database.tables import db

LOCK_SECONDS = 0.2
PAUSE_SECONDS = 10.0  # after a failure, because a lock or a lack of rights mostly lasts

logger = logging.getLogger(__name__)


class Asides:
    """The writes of one process. A pause holds for all of them, because their trouble is that of the database."""

    def __init__(self) -> None:
        self._trouble = logs.Seldom(logger)
        self._paused_until = 0.0

    def write(self, statements: tuple[Executable, ...]) -> None:
        """Execute ``statements`` in one transaction, unless another has failed a short time ago."""
        if monotonic() < self._paused_until:
            return
        try:
            with dialect(db.engine).brief_write(db.engine, LOCK_SECONDS) as connection:
                for statement in statements:
                    connection.execute(statement)
        except (DBAPIError, TimeoutError) as error:
            self._paused_until = monotonic() + PAUSE_SECONDS
            self._trouble.say("The last use of sessions and keys can't be stored: %s", reason(error))
        else:
            self._trouble.over("The last use of sessions and keys can be stored again.")


def write_aside(*statements: Executable) -> None:
    """Execute ``statements`` in one transaction if the database takes them at once. Otherwise leave them out.

    A failure is logged and not raised. After one, nothing is tried for ten seconds.
    """
    asides: Asides = current_app.extensions["asides"]
    asides.write(statements)
