"""Pages of the audit log, newest first, by keyset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry
from webhooks_ui.parsing import NOT_SEARCHED, clean, not_in_list, not_understood, one_of, parse_id, searched
from webhooks_ui.views.audit_log.words import OBJECTS

PAGE_ROWS = 50
PROBLEMS = {  # what to say of a value that isn't understood, by the name of the filter
    "actor": NOT_SEARCHED,
    "action": not_in_list("an action"),
    "object_type": not_in_list("a kind of object"),
    "object_id": "Not the number of an object: follow the link in an entry.",
}


@dataclass(frozen=True)
class AuditFilters:
    """Which entries to show. An empty text means all.

    ``wrong`` has the values that aren't understood, by the name of their filter. The page leaves them out and says so.
    """

    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "AuditFilters":
        sent = {name: args.get(name, "") for name in PROBLEMS}
        object_id = clean(sent["object_id"])
        understood = {
            "actor": searched(sent["actor"]),
            "action": searched(sent["action"]),
            "object_type": one_of(OBJECTS, clean(sent["object_type"])),
            "object_id": object_id if parse_id(object_id) is not None else "",
        }
        return cls(**understood, wrong=not_understood(sent, understood))

    @property
    def args(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value and name != "wrong"} | dict(self.wrong)


def find_entries(filters: AuditFilters, cursor: str = "") -> tuple[list[AuditEntry], str | None]:
    """Return the entries below the id ``cursor``, at most a page, and the cursor of the next page or None."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(PAGE_ROWS + 1)
    if (below := parse_id(cursor)) is not None:
        query = query.where(AuditEntry.id < below)
    if filters.actor:
        query = query.where(AuditEntry.actor.icontains(filters.actor, autoescape=True))
    if filters.action:
        query = query.where(AuditEntry.action.icontains(filters.action, autoescape=True))
    if filters.object_type:
        query = query.where(AuditEntry.object_type == filters.object_type)
    if filters.object_id:
        query = query.where(AuditEntry.object_id == parse_id(filters.object_id))
    entries = list(db.session.scalars(query))
    shown = entries[:PAGE_ROWS]
    return shown, str(shown[-1].id) if len(entries) > PAGE_ROWS else None
