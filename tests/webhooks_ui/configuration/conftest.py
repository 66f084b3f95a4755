"""How settings are read from the environment. Each module tests the file of the same name."""

from pathlib import Path
from typing import Any, Protocol

import pytest

from config import load

PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": "kV8q3v0aXnC4bT7rJm2eYw5zLd9hUf1g",
    "ENCRYPTION_KEYS": "bm90LWEtcmVhbC1rZXktYnV0LTMyLWJ5dGVzLWxvbmc=",
}
OIDC = {"OIDC_ISSUER": "https://login.example.com/", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "hush"}


class Load(Protocol):
    def __call__(self, **environ: str) -> dict[str, Any]: ...


@pytest.fixture
def settings(tmp_path: Path) -> Load:
    """Return a function that loads an environment with only the given variables: ``settings(NAME="value")``."""

    def load_only(**environ: str) -> dict[str, Any]:
        return load({"INSTANCE_PATH": str(tmp_path), **environ})

    return load_only
