"""Settings that a super admin changes on the Settings page. config.py holds those of the environment."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webhooks_ui.database import db, dialect
from webhooks_ui.database.statements import Query
from webhooks_ui.models.kept_json import DamagedObject, KeptJson
from webhooks_ui.models.user import Role

SECOND_FACTOR_RULE = "second_factor_roles"
DEFAULTS: dict[str, Any] = {
    "retention_days": 30,
    "retry_schedule": "default",
    "alert_threshold": 10,  # this many failures in a row open a webhook's breaker and show a notice
    "outgoing_addresses": [],
    SECOND_FACTOR_RULE: [],  # people with these roles must have a second factor
}

# What holds instead of a value that a person or another version wrote and that can't be used
_INSTEAD = DEFAULTS | {SECOND_FACTOR_RULE: list(map(str, Role))}  # the rule may have been strict


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_roles(value: Any) -> bool:
    return _are_texts(value) and set(value) <= set(Role)


_FITS: dict[str, Callable[[Any], bool]] = {
    "retention_days": _is_count,
    "retry_schedule": lambda value: isinstance(value, str),
    "alert_threshold": _is_count,
    "outgoing_addresses": _are_texts,
    SECOND_FACTOR_RULE: _are_roles,
}


class Setting(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(KeptJson(lambda value: True, DamagedObject))  # which no setting can be


_STORED = db.select(Setting.name, Setting.value)
_SAVED, _LOCKED = Query(_STORED), Query(_STORED.order_by(Setting.name).with_for_update())


def get_settings(*, lock: bool = False) -> dict[str, Any]:
    """Return all settings. Those that were never saved have their defaults, and so have those that can't be used.

    With ``lock``, nobody else changes any of them until the transaction ends. A row that is missing can't be locked, so
    it is made first, with the default.
    """
    if lock:
        connection = db.session.connection()
        defaults = [{"name": name, "value": value} for name, value in DEFAULTS.items()]
        connection.execute(dialect(connection).insert(Setting.__table__).values(defaults).on_conflict_do_nothing())
    saved = (_LOCKED if lock else _SAVED).rows(db.session.connection(), {})
    return DEFAULTS | {name: read(name, value) for name, value in saved if name in DEFAULTS}


def read(name: str, stored: Any) -> Any:
    """Return a value of the table as a setting."""
    return stored if _FITS[name](stored) else _INSTEAD[name]


def unusable_settings() -> list[str]:
    """Return the names of the settings whose values in the table can't be used."""
    saved = _SAVED.rows(db.session.connection(), {})
    return sorted(name for name, value in saved if name in DEFAULTS and not _FITS[name](value))


def as_id(stored: Any) -> int | None:
    """Return the id up to which a chore is done. ``None``: there is none, or a person wrote something else."""
    return stored if type(stored) is int else None


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
