"""Places: the ids up to which chores are done, which they keep in the table of settings."""

from sqlalchemy import delete, select

from webhooks_ui.database import db, release, write_transaction
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
