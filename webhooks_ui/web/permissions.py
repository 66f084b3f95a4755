"""The table of who may do what. Everything under /admin/ that is not in it needs an admin."""

from datetime import timedelta

from webhooks_ui.models.user import RANK, Role

LEAST_ROLE = {  # by endpoint, or by blueprint
    "account": Role.VIEWER,
    "authenticator": Role.VIEWER,
    "own_passkeys": Role.VIEWER,
    "own_password": Role.VIEWER,
    "recovery_codes": Role.VIEWER,
    "webhooks.index": Role.OPERATOR,
    "webhooks.set_active": Role.OPERATOR,
    "settings.update": Role.SUPER_ADMIN,
    **{
        f"event_types.{name}": Role.SUPER_ADMIN
        for name in ("new", "create", "edit", "update", "confirm_delete", "delete")
    },
    "team": Role.SUPER_ADMIN,
    "team.index": Role.ADMIN,
    "team.show": Role.ADMIN,
}

# Who got hold of an open browser, or of a cookie, must not turn that into an account that stays. So these endpoints and
# blueprints ask people to sign in again if that was longer ago.
FRESH_FOR = timedelta(hours=1)
NEEDS_FRESH = frozenset(
    {"authenticator", "own_passkeys", "own_password", "recovery_codes.new", "recovery_codes.create", "team"}
)
NEEDS_NO_FRESH = frozenset({"team.index", "team.show"})

# What somebody may do who must set up a second factor first.
SETS_UP_SECOND_FACTOR = frozenset({"account.index", "authenticator", "own_passkeys", "recovery_codes.show"})
# What pages show of something, where not everybody who may open the page may see all of it.
LEAST_ROLE_TO_SEE = {
    "whole URL": Role.ADMIN,  # others see the host and the first segment of the path
    "blocked address": Role.SUPER_ADMIN,  # what a name resolved to that no delivery may go to
}


def least_role(endpoint: str) -> Role:
    """Return the lowest role that may use ``endpoint``."""
    return LEAST_ROLE.get(endpoint) or LEAST_ROLE.get(endpoint.partition(".")[0], Role.ADMIN)


def needs_fresh(endpoint: str) -> bool:
    """Return True if ``endpoint`` needs a sign-in that is not longer ago than ``FRESH_FOR``."""
    return _is_in(NEEDS_FRESH, endpoint) and endpoint not in NEEDS_NO_FRESH


def sets_up_second_factor(endpoint: str) -> bool:
    """Return True if ``endpoint`` is one of those by which people set up their second factor."""
    return _is_in(SETS_UP_SECOND_FACTOR, endpoint)


def _is_in(names: frozenset[str], endpoint: str) -> bool:
    return endpoint in names or endpoint.partition(".")[0] in names


def may(role: str, endpoint: str) -> bool:
    """Return True if someone with ``role`` may use ``endpoint``. An unknown role may use nothing."""
    return role in RANK and RANK[Role(role)] >= RANK[least_role(endpoint)]


def may_see(role: str, fact: str) -> bool:
    """Return True if someone with ``role`` may see ``fact``, one of ``LEAST_ROLE_TO_SEE``."""
    return role in RANK and RANK[Role(role)] >= RANK[LEAST_ROLE_TO_SEE[fact]]
