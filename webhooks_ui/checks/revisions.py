"""The revision of the database, and those that this version knows."""

from functools import cache

from sqlalchemy import Engine, inspect, text

import config
from webhooks_ui.checks import Level, Trouble
from webhooks_ui.database import db


def present(engine: Engine | None = None) -> str | None:
    """Return the revision of the database, by default of our own, or ``None`` if it was never migrated."""
    with (engine or db.engine).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


@cache
def known() -> list[str]:
    """Return all revisions of this version, in their order. The name of each file begins with one.

    Alembic would say the same, but a web server would keep its 7 MiB in memory for that.
    """
    folder = config.ROOT / "webhooks_ui" / "migrations" / "versions"
    return sorted(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))


def is_older(revision: str | None) -> bool:
    """Return True if a database with this revision lacks migrations of this version."""
    return revision in known()[:-1]


def newer(revision: str | None) -> Trouble | None:
    """Return the trouble with a revision that this version doesn't know."""
    if revision is None or revision in known():
        return None
    advice = f"Its revision is {revision}, and this version knows up to {known()[-1]}. Install the newer version."
    # In the middle of an upgrade the old processes go on, because migrations only add something.
    return Trouble(Level.DEGRADED, "The database was migrated by a newer version.", advice)
