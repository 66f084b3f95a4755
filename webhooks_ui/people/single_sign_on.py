"""Single sign-on: who may come in with what the provider says of them. The caller owns the transaction."""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from webhooks_ui import audit
from webhooks_ui.configuration.sign_in import OidcProvider
from webhooks_ui.database import db
from webhooks_ui.models import User, utcnow
from webhooks_ui.models.user import ISSUER_MAX_CHARACTERS, NAME_MAX_CHARACTERS, RANK, Role
from webhooks_ui.people import accounts
from webhooks_ui.people.accounts import Refused
from webhooks_ui.people.second_factor import Factor

ANY_VALUE = "*"  # in the table of roles: for everybody whom no other row names
CLOCKS_APART_SECONDS = 120  # that the provider's clock may be ahead

logger = logging.getLogger(__name__)


def admit(provider: OidcProvider, claims: Mapping[str, Any]) -> User:
    """Return the user whom ``claims`` describe, linked to the account at the provider and with the role that they give.

    An account is linked by its address, and only if the provider has verified that. From then on, the address counts
    only if its domain does. The table of roles also lets people in who have no account yet.

    Raises:
        Refused: This person may not sign in. The message says why.
    """
    issuer, subject = str(claims["iss"]), _subject(claims)
    linked = db.session.scalar(select(User).filter_by(oidc_issuer=issuer, oidc_subject=subject))
    email = linked.email if linked and not provider.allowed_domains else _verified_email(provider, claims)
    role = _role(provider, claims)
    found = linked or accounts.find(email)
    user = accounts.lock_among_super_admins(found.id) if found else None
    if linked and not linked.is_linked:  # its row was read again
        raise Refused(f"{linked.email} was unlinked from the provider at this moment. Sign in again.")
    if user is None:
        if role is None:
            raise Refused(f"There is no account for {email}. Ask a super admin to invite you.")
        user = accounts.add_from_provider(email, role)
    if not user.is_active:
        raise Refused(f"The account {user.email} is deactivated. Ask a super admin to activate it.")
    _link(user, issuer, subject)
    accounts.join(user)
    if not user.name:
        user.name = accounts.normal_name(str(claims.get("name") or ""))[:NAME_MAX_CHARACTERS]
    if role is not None:
        _follow(user, role)
    return user


def with_more(claims: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of the ID token, and those of the userinfo endpoint that the ID token lacks.

    What the endpoint says of another address than that of the ID token counts for nothing.
    """
    if "email" in claims and _address(more.get("email", claims["email"])) != _address(claims["email"]):
        more = {name: value for name, value in more.items() if name != "email_verified"}
    return {**more, **claims}


def second_factor_of(claims: Mapping[str, Any]) -> Factor | None:
    """Return ``PROVIDER`` if the provider says that it asked for a second factor (``amr`` has ``mfa``, RFC 8176)."""
    methods = claims.get("amr")
    return Factor.PROVIDER if isinstance(methods, list) and "mfa" in methods else None


def asked_at_of(claims: Mapping[str, Any], *, has_asked: bool) -> float:
    """Return when the provider asked the person to sign in, in Unix seconds (``auth_time``).

    A provider that doesn't tell it may have asked at any time, unless we made it ask just now. Then the time is 0.

    Args:
        has_asked: whether we made it ask.

    Source: OpenID Connect Core 1.0, 2.
    """
    at, now = claims.get("auth_time"), utcnow().timestamp()
    if isinstance(at, int | float) and 0 < at <= now + CLOCKS_APART_SECONDS:
        return float(at)
    return now if has_asked else 0.0


def _verified_email(provider: OidcProvider, claims: Mapping[str, Any]) -> str:
    email = _address(claims.get("email"))
    if not accounts.is_email(email):
        raise Refused("The provider didn't tell your email address. Ask its administrators to send it.")
    if claims.get("email_verified") is not True:
        raise Refused(f"The provider hasn't verified the address {email}, so it can't be used to sign in here.")
    domain = email.rpartition("@")[2]
    if provider.allowed_domains and domain not in provider.allowed_domains:
        raise Refused(f"Addresses of {domain} may not sign in here. Use your address at work.")
    return email


def _address(given: Any) -> str:
    return accounts.normal_email(given if isinstance(given, str) else "")


def _role(provider: OidcProvider, claims: Mapping[str, Any]) -> str | None:
    """Return the highest role that the table gives, or ``None`` without a table.

    Raises:
        Refused: The table gives no role to this person. Or the provider says only where the claim is, as Entra ID does
            for people in over 200 groups. The row for everybody else isn't for them.
    """
    if not provider.roles:
        return None
    given = claims.get(provider.role_claim)
    elsewhere = claims.get("_claim_names")  # OpenID Connect Core 1.0, 5.6.2
    if given is None and isinstance(elsewhere, dict) and provider.role_claim in elsewhere:
        raise Refused(
            f"The provider left out {provider.role_claim}, which give your role here. That happens when there are too "
            "many. Ask its administrators to send only those that count here."
        )
    values = {str(value) for value in given} if isinstance(given, list) else {str(given)} if given else set()
    roles = [Role(role) for value, role in provider.roles if value in values]
    roles = roles or [Role(role) for value, role in provider.roles if value == ANY_VALUE]
    if not roles:
        raise Refused("Your account at the provider gives you no role here. Ask its administrators for one.")
    return max(roles, key=lambda role: RANK[role])


def _subject(claims: Mapping[str, Any]) -> str:
    """Return the provider's id for the person.

    Raises:
        Refused: It is none. An empty one would be the same for several people.
    """
    subject = str(claims["sub"])
    if not subject or not subject.isprintable():
        raise Refused("The provider's id for your account can't be used. Ask its administrators for another one.")
    return subject


def _link(user: User, issuer: str, subject: str) -> None:
    """Link ``user`` to the account at the provider.

    Raises:
        Refused: Another account at the provider is linked. Its owner may have had the address before.
    """
    if (user.oidc_issuer, user.oidc_subject) == (issuer, subject):
        return
    if user.is_linked:
        raise Refused(f"{user.email} is linked to another account at the provider. Ask a super admin to unlink it.")
    if max(len(issuer), len(subject)) > ISSUER_MAX_CHARACTERS:
        raise Refused("The provider's id for your account is too long. Ask its administrators for a shorter one.")
    user.oidc_issuer, user.oidc_subject = issuer, subject
    audit.record("user.sso_linked", "user", user.id, user.email)


def _follow(user: User, role: str) -> None:
    """Give ``user`` the role that the table says, unless this is the last super admin."""
    try:
        accounts.set_role(user, role)
    except Refused as error:
        logger.warning("Single sign-on: %s", error)
