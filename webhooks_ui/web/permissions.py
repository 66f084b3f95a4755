"""The table of who may do what. Everything under /admin/ that is not in it needs an admin."""

from webhooks_ui.models.user import RANK, Role

LEAST_ROLE = {
    "webhooks.index": Role.OPERATOR,
    "webhooks.set_active": Role.OPERATOR,
    "settings.update": Role.SUPER_ADMIN,
}

# What pages show of something, where not everybody who may open the page may see all of it.
LEAST_ROLE_TO_SEE = {
    "whole URL": Role.ADMIN,  # others see the host and the first segment of the path
    "blocked address": Role.SUPER_ADMIN,  # what a name resolved to that no delivery may go to
}


def least_role(endpoint: str) -> Role:
    """Return the lowest role that may use ``endpoint``."""
    return LEAST_ROLE.get(endpoint, Role.ADMIN)


def may(role: str, endpoint: str) -> bool:
    """Return True if someone with ``role`` may use ``endpoint``. An unknown role may use nothing."""
    return role in RANK and RANK[Role(role)] >= RANK[least_role(endpoint)]


def may_see(role: str, fact: str) -> bool:
    """Return True if someone with ``role`` may see ``fact``, one of ``LEAST_ROLE_TO_SEE``."""
    return role in RANK and RANK[Role(role)] >= RANK[LEAST_ROLE_TO_SEE[fact]]
