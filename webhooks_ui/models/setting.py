"""Settings that a super admin changes on the Settings page. config.py holds those of the environment."""

from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query

DEFAULTS: dict[str, Any] = {
    "retention_days": 30,
    "retry_schedule": "default",
    "alert_threshold": 10,  # this many failures in a row open a webhook's breaker and show a notice
    "outgoing_addresses": [],
    "second_factor_roles": [],  # people with these roles must have a second factor
}


class Setting(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


_STORED = db.select(Setting.name, Setting.value)
_SAVED, _LOCKED = Query(_STORED), Query(_STORED.order_by(Setting.name).with_for_update())


def get_settings(*, lock: bool = False) -> dict[str, Any]:
    """Return all settings. Settings that were never saved have their defaults.

    With ``lock``, nobody else changes any of them until the transaction ends. A row that is missing can't be locked, so
    it is made first, with the default.
    """
    if lock:
        connection = db.session.connection()
        defaults = [{"name": name, "value": value} for name, value in DEFAULTS.items()]
        connection.execute(dialect(connection).insert(Setting.__table__).values(defaults).on_conflict_do_nothing())
    saved = (_LOCKED if lock else _SAVED).rows(db.session.connection(), {})
    return DEFAULTS | {name: value for name, value in saved if name in DEFAULTS}


def set_settings(values: dict[str, Any]) -> None:
    """Save ``values``. The caller commits.

    Raises:
        KeyError: A name is not in ``DEFAULTS``.
    """
    for name, value in values.items():
        if name not in DEFAULTS:
            raise KeyError(name)
        db.session.merge(Setting(name=name, value=value))
    db.session.flush()  # so that ``get_settings`` returns them
