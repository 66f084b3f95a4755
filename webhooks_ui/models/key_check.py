"""Checks ENCRYPTION_KEYS against the database, which keeps a known text that was encrypted with them."""

import logging
import sys
from typing import Any

from flask import Flask
from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from config import ConfigError
from webhooks_ui.database import db, dialect, single_query, writing
from webhooks_ui.database.statements import Query
from webhooks_ui.models import secret_box
from webhooks_ui.models.setting import Setting
from webhooks_ui.models.webhook import Webhook

NAME = "key_check"  # of the row in the table of settings
TEXT = "KeyManager Webhooks"
SAMPLE_WEBHOOKS = 100
WRONG_KEYS = (
    "ENCRYPTION_KEYS are not those that this database was encrypted with. Set them, or put the file encryption_keys "
    "back into the instance folder. If they are gone for good, docs/security.md says what to do."
)

_KEPT = Query(select(Setting.value).where(Setting.name == NAME))

logger = logging.getLogger(__name__)


def are_keys_right() -> bool:
    """Return True if ENCRYPTION_KEYS can decrypt what the database keeps, or if it keeps nothing yet."""
    with single_query() as connection:
        return fit(connection)


def fit(connection: Connection) -> bool:
    """Return the same of the database of ``connection``."""
    return _are_right(connection, _kept(connection))


def check_keys() -> None:
    """Refuse wrong keys. With right ones, keep the known text unless there is one.

    A database that doesn't answer, or has no tables yet, can't be checked. A warning says so, and what to do.

    Raises:
        config.ConfigError: ENCRYPTION_KEYS can't decrypt what the database keeps.
    """
    try:
        with single_query() as connection:
            kept = _kept(connection)
            if not _are_right(connection, kept):
                raise ConfigError(WRONG_KEYS)
        if not kept:
            with writing():
                row = {"name": NAME, "value": secret_box.encrypt(TEXT)}
                connection = db.session.connection()
                connection.execute(dialect(connection).insert(Setting.__table__).values(row).on_conflict_do_nothing())
    except SQLAlchemyError as error:
        logger.warning("ENCRYPTION_KEYS can't be checked, because %s", _cause(error))


def check_keys_or_exit(app: Flask) -> None:
    """Do ``check_keys`` at the start of a process. End the process with one line if the keys are wrong."""
    with app.app_context():
        try:
            check_keys()
        except ConfigError as error:
            sys.exit(f"Can't start: {error}")


def keep_anew() -> None:
    """Encrypt the known text with the newest key. The caller commits."""
    db.session.merge(Setting(name=NAME, value=secret_box.encrypt(TEXT)))


def _cause(error: SQLAlchemyError) -> str:
    try:
        if not inspect(db.engine).has_table(Setting.__tablename__):
            return "the database has no tables yet. Run: .venv/bin/flask db upgrade"
    except SQLAlchemyError:
        pass
    return f"the database fails: {str(error).splitlines()[0]}"


def _kept(connection: Connection) -> list[tuple[Any, ...]]:
    """Return the row with the known text, or nothing. Each process asks for it, so no object is made of it."""
    return _KEPT.rows(connection, {})


def _are_right(connection: Connection, kept: list[tuple[Any, ...]]) -> bool:
    return _opens(kept[0][0]) if kept else _opens_a_secret(connection)


def _opens(encrypted: object) -> bool:
    try:
        return secret_box.decrypt(str(encrypted)) == TEXT
    except secret_box.Undecryptable:
        return False


def _opens_a_secret(connection: Connection) -> bool:
    """Return True if the keys open the secret of a webhook, or if there is none. An older database keeps no text."""
    newest = select(Webhook.secret_encrypted).order_by(Webhook.id.desc()).limit(SAMPLE_WEBHOOKS)
    secrets = connection.scalars(newest).all()
    return not secrets or any(map(secret_box.is_readable, secrets))
