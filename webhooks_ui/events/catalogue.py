"""All event types that there are: the portal's 21, the operational ones, and those that a super admin added."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from flask import g, has_request_context
from sqlalchemy import select

from webhooks_ui.database import single_query
from webhooks_ui.database.statements import Query
from webhooks_ui.events import strict_json
from webhooks_ui.events.operational import CATEGORY, OPERATIONAL
from webhooks_ui.events.operational import FIELDS as OPERATIONAL_FIELDS
from webhooks_ui.events.types import CATEGORIES, EVENT_TYPES, EventType
from webhooks_ui.events.types import FIELDS as PORTAL_FIELDS
from webhooks_ui.models import AuditEntry, OwnEventType

Value = TypeVar("Value")

_own = OwnEventType.__table__.c
_OWN = Query(select(_own.name, _own.description, _own.example, _own.schema, _own.check).order_by(_own.name))
_entry = AuditEntry.__table__.c
_DELETED = Query(
    select(_entry.object_name)
    .where(_entry.object_type == "event_type", _entry.action == "event_type.deleted")
    .distinct()
    .order_by(_entry.object_name)
)
BUILT_IN: Mapping[str, EventType] = EVENT_TYPES | OPERATIONAL
# What the fields of the data mean, by group. Groups of own types have none.
FIELDS: Mapping[str, Mapping[str, str]] = {
    category: dict(fields) for category, fields in (PORTAL_FIELDS | {CATEGORY: OPERATIONAL_FIELDS}).items()
}


class OwnType(EventType):
    """A type that a super admin added. Its example is read only where it is needed, because that takes long."""

    @cached_property
    def example(self) -> dict[str, Any]:
        return example_of(self.stored_example)


def find(name: str) -> EventType | None:
    """Return the type with this name. Only for a name that isn't built in, the database is asked."""
    return BUILT_IN.get(name) or own_types().get(name)


def all_types() -> Mapping[str, EventType]:
    """Return all types by name, in the order of their groups."""
    return _once_in_request("all", _by_name)


def _by_name() -> dict[str, EventType]:
    return {type.name: type for types in categories().values() for type in types}


def places() -> Mapping[str, int]:
    """Return the place of each type in this order, by name."""
    return _once_in_request("places", lambda: {name: place for place, name in enumerate(all_types())})


def categories() -> dict[str, tuple[EventType, ...]]:
    """Return the types of each group. Own types stand after those of the portal, the operational ones at the end."""
    groups = {name: list(types) for name, types in CATEGORIES.items()}
    for type in own_types().values():
        groups.setdefault(type.category, []).append(type)
    return {name: tuple(types) for name, types in groups.items()} | {CATEGORY: tuple(OPERATIONAL.values())}


def logged_categories() -> list[str]:
    """Return the names of the groups, also of those whose types were all deleted. Their events stay in the log."""
    return list(dict.fromkeys([*categories(), *map(_category_of, _deleted())]))


def _deleted() -> list[str]:
    """Return the names of the types that were deleted and aren't there again, as the audit log has them."""
    return _once_in_request("deleted", _read_deleted)


def _read_deleted() -> list[str]:
    known = all_types()
    with single_query() as connection:
        return [name for (name,) in _DELETED.rows(connection, {}) if name not in known]


def _category_of(name: str) -> str:
    return name.partition(".")[0]


def group_of(category: str) -> str:
    """Return the name that subscribes to all types of a group, also to those that are added later."""
    return f"{category}.*"


def expanded(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the types and the groups that somebody chose. The types of the groups are among the types."""
    chosen = set(names)
    members = {group_of(category): types for category, types in categories().items()}
    groups = sorted(chosen & members.keys())
    return sorted((chosen - members.keys()) | {type.name for group in groups for type in members[group]}), groups


def condensed(types: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return what ``expanded`` was given: each group in place of its types."""
    whole = set(groups)
    single = (name for name in types if not ((type := find(name)) and group_of(type.category) in whole))
    return sorted([*whole, *single])


def found_by(text: str) -> list[str]:
    """Return the types that a search finds: those of a group such as ``license.*``, or those with ``text`` in them.

    Types that were deleted are among them, because their events stay in the log.
    """
    wanted, deleted = text.lower(), _deleted()
    groups = {group_of(category): [type.name for type in types] for category, types in categories().items()}
    for name in deleted:
        groups.setdefault(group_of(_category_of(name)), []).append(name)
    if wanted in groups:
        return groups[wanted]
    return [name for name in (*all_types(), *deleted) if wanted in name]


def unknown(names: Iterable[str]) -> list[str]:
    """Return the names that are no types and no groups, each once."""
    known = all_types().keys() | set(map(group_of, categories()))
    return [name for name in dict.fromkeys(names) if name not in known]


def own_types() -> dict[str, EventType]:
    """Return the types that a super admin added, by name. They are read once in each web request."""
    return _once_in_request("own", _read)


def _once_in_request(name: str, make: Callable[[], Value]) -> Value:
    """Return what ``make`` gives. A web request keeps it under ``name``."""
    if not has_request_context():
        return make()
    kept: dict[str, Any] = g.setdefault("event_types", {})
    if name not in kept:
        kept[name] = make()
    value: Value = kept[name]
    return value


def forget() -> None:
    """Read the own types again when they are needed next, because one has changed."""
    if has_request_context():
        g.pop("event_types", None)


def example_of(stored: str | dict[str, Any]) -> dict[str, Any]:
    """Return the example of an own type. Those that were stored earlier are objects, with Python's plain numbers."""
    return strict_json.load_raw(stored.encode()).value if isinstance(stored, str) else stored


def example_text(stored: str | dict[str, Any]) -> str:
    """Return the JSON of an example as it is stored now."""
    return strict_json.render_literally(example_of(stored))


def _read() -> dict[str, EventType]:
    with single_query() as connection:  # on its own connection, so that the session holds no transaction for it
        rows = _OWN.rows(connection, {})
    return {
        name: OwnType(name, _category_of(name), description, example, schema, check, is_own=True)
        for name, description, example, schema, check in rows
    }
