"""Places: the ids or times up to which chores are done, which they keep in the table of settings."""

from sqlalchemy import Connection, delete, select

from webhooks_ui.database import db, dialect, release, write_transaction
from webhooks_ui.models import Setting
from webhooks_ui.models.setting import as_id


def kept_place(name: str) -> int | None:
    """Return the id up to which a chore is done. What a person wrote instead is removed, so that it begins anew."""
    found = db.session.execute(select(Setting.value).where(Setting.name == name)).first()
    if found is None or as_id(found.value) is not None:
        return found.value if found else None
    release()
    with write_transaction() as connection:
        connection.execute(delete(Setting).where(Setting.name == name))
    return None


def keep_place(connection: Connection, name: str, place: int) -> None:
    """Keep the id or time up to which a chore is done."""
    insert = dialect(connection).insert(Setting.__table__).values(name=name, value=place)
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": place}))
