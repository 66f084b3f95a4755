"""Keys and tokens. In development, the first run makes them and keeps them in the instance folder."""

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from webhooks_ui import instance_folder
from webhooks_ui.config_error import ConfigError

SECRET_KEY_MIN_CHARACTERS, SECRET_KEY_MIN_DIFFERENT = 32, 10

# Python's decoder skips what isn't base64, and ends at the =. It would leave out the second key of "key;key" silently.
_FERNET_KEY = re.compile("[A-Za-z0-9_+/-]{43}=")  # 32 bytes


def secret_key(env: Mapping[str, str], instance: Path, production: bool) -> str:
    """Return the key that signs cookies and form tokens.

    Raises:
        ConfigError: Production has none, or one that is easy to guess.
    """
    key = _kept(env, "SECRET_KEY", instance, production, lambda: secrets.token_urlsafe(48))
    if production and (len(key) < SECRET_KEY_MIN_CHARACTERS or len(set(key)) < SECRET_KEY_MIN_DIFFERENT):
        raise ConfigError(
            f"SECRET_KEY is easy to guess. Use {SECRET_KEY_MIN_CHARACTERS} random characters or more: "
            """python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"""
        )
    return key


def encryption_keys(env: Mapping[str, str], instance: Path, production: bool, database: str) -> list[str]:
    """Return the keys, newest first. Make one for a new instance, but never for a database that exists.

    A database on a server isn't looked at here. ``models.key_check`` does that when the product starts.

    Raises:
        ConfigError: A key is invalid, or the keys were lost.
    """
    kept, file = instance / "encryption_keys", Path(unquote(database.removeprefix("sqlite:///").partition("?")[0]))
    is_old = database.startswith("sqlite:///") and file.is_file() and file.stat().st_size > 0
    if is_old and not kept.exists() and not production and not env.get("ENCRYPTION_KEYS"):
        raise ConfigError(
            f"ENCRYPTION_KEYS were lost: {kept} is missing, but there is a database in {file}. Put the file back, or "
            "set ENCRYPTION_KEYS. If no copy exists, docs/security.md says what to do."
        )

    def make() -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    keys = _kept(env, "ENCRYPTION_KEYS", instance, production, make).replace(",", " ").split()
    if not keys or not all(map(_FERNET_KEY.fullmatch, keys)):
        raise ConfigError(
            "ENCRYPTION_KEYS must be Fernet keys (URL-safe base64 of 32 bytes), separated by commas, newest first, "
            "without quotes."
        )
    return keys


def _kept(env: Mapping[str, str], name: str, instance: Path, production: bool, make: Callable[[], str]) -> str:
    """Return a key from the environment, or from ``instance``, where the first run stores a new one."""
    if value := env.get(name):
        return value
    if production:
        raise ConfigError(f"{name} is not set. APP_ENV=production requires it: see Settings in the README.")
    return instance_folder.stored(instance, name.lower(), make)


def metrics_token(text: str | None) -> str | None:
    """Return the token for ``/metrics``.

    Raises:
        ConfigError: A header can't carry it, so that nobody could give it. Or it is that of our examples.
    """
    if not text:
        return None
    token = text.strip()
    if token == "CHANGE_ME":  # noqa: S105 - everybody knows it
        raise ConfigError(
            "METRICS_TOKEN is still that of the example. Make one: "
            """python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"""
        )
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError("METRICS_TOKEN must have printable ASCII characters only, such as letters and digits.")
    return token
