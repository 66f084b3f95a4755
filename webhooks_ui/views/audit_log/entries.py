"""Pages of the audit log, newest first, by keyset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry
from webhooks_ui.parsing import clean, parse_id
from webhooks_ui.views.audit_log.words import OBJECTS

PAGE_ROWS = 50


@dataclass(frozen=True)
class AuditFilters:
    """Which entries to show. An empty text means all. Invalid values count as empty."""

    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> "AuditFilters":
        object_type, object_id = clean(args.get("object_type", "")), clean(args.get("object_id", ""))
        return cls(
            actor=clean(args.get("actor", "")),
            action=clean(args.get("action", "")),
            object_type=object_type if object_type in OBJECTS else "",
            object_id=object_id if parse_id(object_id) is not None else "",
        )

    @property
    def args(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value}


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
