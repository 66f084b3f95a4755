"""The table of who may do what. Everything under /admin/ that is not in it needs an admin."""

from webhooks_ui.models.user import RANK, Role

LEAST_ROLE = {
    "webhooks.index": Role.OPERATOR,
    "webhooks.set_active": Role.OPERATOR,
    "settings.update": Role.SUPER_ADMIN,
    **{
        f"event_types.{name}": Role.SUPER_ADMIN
        for name in ("new", "create", "edit", "update", "confirm_delete", "delete")
    },
}


def least_role(endpoint: str) -> Role:
    """Return the lowest role that may use ``endpoint``."""
    return LEAST_ROLE.get(endpoint, Role.ADMIN)


def may(role: str, endpoint: str) -> bool:
    """Return True if someone with ``role`` may use ``endpoint``. An unknown role may use nothing."""
    return role in RANK and RANK[Role(role)] >= RANK[least_role(endpoint)]
