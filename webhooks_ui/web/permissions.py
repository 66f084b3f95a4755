"""Who may do what: one table. Whatever under /admin/ is not in it needs an admin."""

from webhooks_ui.models.user import RANK, Role

LEAST_ROLE = {
    "webhooks.index": Role.OPERATOR,
    "webhooks.set_active": Role.OPERATOR,
    "settings.update": Role.SUPER_ADMIN,
}


def least_role(endpoint: str) -> Role:
    """The lowest role that may use ``endpoint``."""
    return LEAST_ROLE.get(endpoint, Role.ADMIN)


def may(role: str, endpoint: str) -> bool:
    """Whether someone with ``role`` may use ``endpoint``; an unknown role may nothing."""
    return role in RANK and RANK[Role(role)] >= RANK[least_role(endpoint)]
