"""The filters that admins save: their own ones, and those that they share with all admins.

The callers own the transactions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, func, or_, select

from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.database.statements import Query
from webhooks_ui.models import FilteredList, Person, Role, SavedFilter, User
from webhooks_ui.models.saved_filter import NAME_MAX_CHARACTERS
from webhooks_ui.models.webhook import searchable

FILTERS_MAX = 50  # of one person


class Refused(ValueError):
    """The filter can't be saved. The message is a sentence that names the fix."""


class Taken(Exception):
    """That person has another filter of this name."""

    def __init__(self, is_shared: bool) -> None:
        super().__init__()
        self.is_shared = is_shared


class Seen(NamedTuple):
    """A filter that somebody sees beside a list."""

    id: int
    list: str
    name: str
    query: dict[str, str]
    is_shared: bool
    user_id: int
    owner: str  # the name of that person, or the address


_BY_NAME = func.lower(SavedFilter.name), SavedFilter.id
_IS_SEEN = or_(SavedFilter.user_id == bindparam("user_id", type_=SavedFilter.user_id.type), SavedFilter.is_shared)
_OF = Query(
    select(
        *(getattr(SavedFilter, name) for name in Seen._fields if name != "owner"),
        func.coalesce(func.nullif(User.name, ""), User.email),
    )
    .join(SavedFilter.owner)
    .where(SavedFilter.list == bindparam("list", type_=SavedFilter.list.type), _IS_SEEN)
    .order_by(*_BY_NAME)
)


def of(user: Person, list: FilteredList) -> Sequence[Seen]:
    """Return the filters of a list that somebody sees, by name."""
    rows = _OF.rows(db.session.connection(), {"list": list.value, "user_id": user.id})
    return [Seen(*row) for row in rows]


def named(user: Person, part: str, most: int) -> Sequence[SavedFilter]:
    """Return the filters of all lists that somebody sees and whose names contain ``part``."""
    seen = db.session.scalars(select(SavedFilter).where(_IS_SEEN).order_by(*_BY_NAME), {"user_id": user.id})
    # Not in the database: SQLite's lower() leaves letters such as Ö as they are.
    return [each for each in seen if searchable(part) in searchable(each.name)][:most]


def get(filter_id: int, user: Person, *, lock: bool = False) -> SavedFilter | None:
    """Return a filter that somebody sees, or ``None``. With ``lock``, nobody else deletes it meanwhile."""
    found = db.session.get(SavedFilter, filter_id, with_for_update=lock, populate_existing=lock)
    return found if found and (found.is_shared or found.user_id == user.id) else None


def save(
    user_id: int, list: FilteredList, name: str, query: Mapping[str, str], is_shared: bool, replace: bool = False
) -> SavedFilter:
    """Save the filters of a list under a name.

    Args:
        query: the query of the list's address.
        replace: Whether a filter that this person has there under this name becomes this one.

    Raises:
        Refused: The name is missing or too long, or there is no room.
        Taken: The person has another filter of this name there, and ``replace`` is false.
    """
    if not name:
        raise Refused("Give the filter a name, such as: Failed today.")
    if len(name) > NAME_MAX_CHARACTERS:
        raise Refused(f"The name of a filter can have at most {NAME_MAX_CHARACTERS} characters. Shorten it.")
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())  # two saves at once count together
    own = select(SavedFilter).filter_by(user_id=user_id)
    saved = db.session.scalars(own.filter_by(list=list, name=name)).first()
    if saved is not None and (saved.query, saved.is_shared) == (dict(query), is_shared):
        return saved
    if saved is not None and not replace:
        raise Taken(saved.is_shared)
    if saved is None:
        if (db.session.scalar(select(func.count()).select_from(own.subquery())) or 0) >= FILTERS_MAX:
            raise Refused(f"You have saved {FILTERS_MAX} filters, which is the most. Delete one first.")
        saved = SavedFilter(user_id=user_id, list=list, name=name)
        db.session.add(saved)
    was_shared = bool(saved.is_shared)
    saved.query, saved.is_shared = dict(query), is_shared
    db.session.flush()
    if is_shared or was_shared:
        _record("shared" if is_shared else "unshared", saved)
    return saved


def may_delete(saved: SavedFilter | Seen, user: Person) -> bool:
    """Return True if it is that person's own, or a shared one and they may change what others left behind."""
    return saved.user_id == user.id or (saved.is_shared and user.role == Role.SUPER_ADMIN)


def delete(saved: SavedFilter) -> None:
    if saved.is_shared:
        _record("deleted", saved)
    db.session.delete(saved)


def _record(what: str, saved: SavedFilter) -> None:
    fields = {"list": saved.list, **saved.query}
    before, after = (fields, None) if what == "deleted" else (None, fields)
    audit.record(f"saved_filter.{what}", "saved_filter", saved.id, saved.name, before, after)
