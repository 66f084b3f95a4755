"""How people sign in: the first admin, passwords and single sign-on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhooks_ui.config_error import ConfigError
from webhooks_ui.configuration.mail import MAIL_ADDRESS
from webhooks_ui.configuration.values import http_parts, is_on

ROLES = ("super_admin", "admin", "operator", "viewer")  # highest first, as in webhooks_ui/models/user
ADMIN_EMAIL_MAX_CHARACTERS = 254  # as in webhooks_ui/models/user
ADMIN_PASSWORD_MIN_CHARACTERS, ADMIN_PASSWORD_MAX_CHARACTERS = 12, 1_000  # as in webhooks_ui/people/passwords


@dataclass(frozen=True)
class OidcProvider:
    """The provider of single sign-on (OpenID Connect), and who may sign in through it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "single sign-on"
    allowed_domains: tuple[str, ...] = ()  # of email addresses. Empty: all of people who have an account
    scopes: str = "openid email profile"
    role_claim: str = "groups"
    roles: tuple[tuple[str, str], ...] = ()  # values of the claim with their roles. Empty: roles are given here


def oidc_provider(env: Mapping[str, str]) -> OidcProvider | None:
    """Return the provider of single sign-on that the settings ``OIDC_…`` name, or ``None`` without ``OIDC_ISSUER``.

    Raises:
        ConfigError: A setting is missing or invalid.
    """
    if not env.get("OIDC_ISSUER"):
        if useless := [name for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET") if env.get(name)]:
            raise ConfigError(f"{useless[0]} does nothing without OIDC_ISSUER. Set that too, or remove both.")
        return None
    url = env["OIDC_ISSUER"].strip()
    issuer = http_parts("OIDC_ISSUER", url)
    if not issuer or (issuer.scheme == "http" and issuer.hostname not in ("localhost", "127.0.0.1", "::1")):
        raise ConfigError("OIDC_ISSUER must start with https://, such as https://login.example.com.")
    if "?" in url or "#" in url or "@" in issuer.netloc or " " in url or not url.isprintable():
        raise ConfigError("OIDC_ISSUER must have no user, spaces, ? or #, such as https://login.example.com/realm.")
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"):
        if not env.get(name):
            raise ConfigError(f"{name} is not set. OIDC_ISSUER requires it: the provider gives it to you.")
    domains = tuple(env.get("OIDC_ALLOWED_DOMAINS", "").lower().replace(",", " ").split())
    if wrong := [domain for domain in domains if not MAIL_ADDRESS.fullmatch(f"a@{domain}")]:
        raise ConfigError(f"OIDC_ALLOWED_DOMAINS must be domains separated by commas, but {wrong[0]!r} is none.")
    roles = tuple(_oidc_role(pair) for pair in env.get("OIDC_ROLES", "").split(",") if pair.strip())
    if roles and not domains:
        raise ConfigError("OIDC_ROLES lets new people sign in. Set OIDC_ALLOWED_DOMAINS to say whose addresses.")
    return OidcProvider(
        url,
        env["OIDC_CLIENT_ID"],
        env["OIDC_CLIENT_SECRET"],
        env.get("OIDC_NAME") or OidcProvider.name,
        domains,
        " ".join(dict.fromkeys(["openid", *(env.get("OIDC_SCOPES") or OidcProvider.scopes).split()])),
        env.get("OIDC_ROLE_CLAIM") or OidcProvider.role_claim,
        roles,
    )


def _oidc_role(pair: str) -> tuple[str, str]:
    value, separator, role = (part.strip() for part in pair.rpartition("="))
    if not (value and separator) or role not in ROLES:
        raise ConfigError(
            f"OIDC_ROLES must be pairs such as portal-admins=admin, separated by commas, but one is {pair.strip()!r}. "
            f"The roles are {', '.join(ROLES)}."
        )
    return value, role


def password_sign_in(env: Mapping[str, str]) -> bool:
    """Return True if people may sign in with passwords.

    Raises:
        ConfigError: They may not, and there is no other way to sign in.
    """
    may = is_on(env, "PASSWORD_SIGN_IN")
    if not may and not env.get("OIDC_ISSUER"):
        raise ConfigError("PASSWORD_SIGN_IN=off needs another way to sign in. Set OIDC_ISSUER, or leave it on.")
    return may


def admin_email(address: str | None) -> str:
    """Return the address that the first admin signs in with.

    Raises:
        ConfigError: It is no mail address.
    """
    address = (address or "admin@example.com").strip()
    if not MAIL_ADDRESS.fullmatch(address) or len(address) > ADMIN_EMAIL_MAX_CHARACTERS:
        raise ConfigError(f"ADMIN_EMAIL must be a mail address, such as admin@example.com, not {address!r}.")
    return address


def admin_password(password: str | None, production: bool) -> str | None:
    """Return the first admin's password, or ``None`` for a random one.

    Raises:
        ConfigError: It can't be typed, is too long to sign in with, or is too short for production.
    """
    if password and not password.isprintable():
        raise ConfigError("ADMIN_PASSWORD must have printable characters only.")
    if password and len(password) > ADMIN_PASSWORD_MAX_CHARACTERS:
        raise ConfigError(f"ADMIN_PASSWORD must have at most {ADMIN_PASSWORD_MAX_CHARACTERS:,} characters.")
    if production and password and len(password) < ADMIN_PASSWORD_MIN_CHARACTERS:
        raise ConfigError(
            f"ADMIN_PASSWORD must have at least {ADMIN_PASSWORD_MIN_CHARACTERS} characters. "
            "Leave it unset for a random one that is printed once."
        )
    return password
