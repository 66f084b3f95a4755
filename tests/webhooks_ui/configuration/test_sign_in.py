"""Single sign-on, passwords and the first admin."""

import pytest

from config import ConfigError
from tests.webhooks_ui.configuration.conftest import OIDC, PRODUCTION, Load
from webhooks_ui.configuration.sign_in import ROLES, OidcProvider
from webhooks_ui.models import Role
from webhooks_ui.models.user import EMAIL_MAX_CHARACTERS
from webhooks_ui.people.passwords import PASSWORD_MAX_CHARACTERS


def test_without_an_issuer_there_is_no_single_sign_on(settings: Load) -> None:
    assert settings()["OIDC"] is None
    assert settings(OIDC_ISSUER="")["OIDC"] is None
    assert settings()["PASSWORD_SIGN_IN"] is True


@pytest.mark.parametrize("name", ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_a_client_of_single_sign_on_without_an_issuer_is_told(settings: Load, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} does nothing without OIDC_ISSUER"):
        settings(**{name: "hush"})


def test_single_sign_on_is_read_with_its_defaults(settings: Load) -> None:
    provider = settings(**OIDC)["OIDC"]
    assert provider == OidcProvider("https://login.example.com/", "portal", "hush")
    assert (provider.name, provider.scopes, provider.role_claim) == ("single sign-on", "openid email profile", "groups")
    assert "hush" not in repr(provider)


def test_domains_roles_and_scopes_are_lists(settings: Load) -> None:
    provider = settings(
        **OIDC,
        OIDC_NAME="Example Login",
        OIDC_ALLOWED_DOMAINS="Example.com, example.org",
        OIDC_ROLE_CLAIM="roles",
        OIDC_ROLES=" portal=owners =super_admin, *=viewer,",
        OIDC_SCOPES="email groups",
    )["OIDC"]
    assert provider.name == "Example Login"
    assert provider.allowed_domains == ("example.com", "example.org")
    assert (provider.role_claim, provider.roles) == ("roles", (("portal=owners", "super_admin"), ("*", "viewer")))
    assert provider.scopes == "openid email groups"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"OIDC_ISSUER": "login.example.com"}, "OIDC_ISSUER must start with https://"),
        ({"OIDC_ISSUER": "http://login.example.com"}, "OIDC_ISSUER must start with https://"),
        ({"OIDC_ISSUER": "https://[x"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://login.example.com:99999"}, "OIDC_ISSUER must have a port from 1 to 65535"),
        ({"OIDC_ISSUER": "https://login.example.com/?x=1"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_ISSUER": "https://login .example.com"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_ISSUER": "https://eva:hush@login.example.com"}, "OIDC_ISSUER must have no user, spaces, ? or #"),
        ({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID is not set"),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET is not set"),
        ({"OIDC_ALLOWED_DOMAINS": "exa mple.com, @x"}, "must be domains separated by commas, but '@x' is none"),
        ({"OIDC_ROLES": "admins=king", "OIDC_ALLOWED_DOMAINS": "a.b"}, "The roles are super_admin, admin, operator"),
        ({"OIDC_ROLES": "admins", "OIDC_ALLOWED_DOMAINS": "a.b"}, "must be pairs such as portal-admins=admin"),
        ({"OIDC_ROLES": "=admin", "OIDC_ALLOWED_DOMAINS": "a.b"}, "must be pairs such as portal-admins=admin"),
        ({"OIDC_ROLES": "admins=admin"}, "Set OIDC_ALLOWED_DOMAINS to say whose addresses."),
        ({"PASSWORD_SIGN_IN": "no"}, "PASSWORD_SIGN_IN must be one of on, off, not 'no'."),
    ],
)
def test_a_wrong_setting_of_single_sign_on_is_named(settings: Load, environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(**OIDC | environ)
    assert sentence in str(error.value)
    assert "hush" not in str(error.value)


def test_the_roles_of_the_settings_are_those_of_the_users() -> None:
    assert tuple(Role) == ROLES


def test_passwords_are_switched_off_only_if_there_is_another_way_in(settings: Load) -> None:
    assert settings(**OIDC, PASSWORD_SIGN_IN="off")["PASSWORD_SIGN_IN"] is False
    with pytest.raises(ConfigError, match="needs another way to sign in"):
        settings(PASSWORD_SIGN_IN="off")


def test_production_refuses_a_short_first_password(settings: Load) -> None:
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have at least 12 characters"):
        settings(**PRODUCTION, ADMIN_PASSWORD="eleven-char")
    assert settings(**PRODUCTION, ADMIN_PASSWORD="twelve-chars")["ADMIN_PASSWORD"] == "twelve-chars"
    assert settings(ADMIN_PASSWORD="short")["ADMIN_PASSWORD"] == "short"


def test_a_first_password_that_nobody_can_type_is_refused(settings: Load) -> None:
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have printable characters only"):
        settings(ADMIN_PASSWORD="correct\nhorse battery")
    with pytest.raises(ConfigError, match="ADMIN_PASSWORD must have at most 1,000 characters"):
        settings(ADMIN_PASSWORD="x" * (PASSWORD_MAX_CHARACTERS + 1))
    assert settings(ADMIN_PASSWORD="x" * PASSWORD_MAX_CHARACTERS)["ADMIN_PASSWORD"]


@pytest.mark.parametrize("address", ["admin@localhost", "admin@mailhost"])
def test_a_first_admin_may_have_an_address_without_a_dot(settings: Load, address: str) -> None:
    """Mail servers of an own network take it, and so do the fields for addresses in browsers."""
    assert settings(ADMIN_EMAIL=address)["ADMIN_EMAIL"] == address


@pytest.mark.parametrize(
    "address",
    [
        *("admin", "admin@", "@example.com", "a b@example.com", "a@b@c", "eva@exämple.com"),
        f"{'a' * EMAIL_MAX_CHARACTERS}@b.example",
    ],
)
def test_a_first_admin_without_a_mail_address_is_refused(settings: Load, address: str) -> None:
    with pytest.raises(ConfigError, match="ADMIN_EMAIL must be a mail address"):
        settings(ADMIN_EMAIL=address)
