"""Keys and tokens that are refused."""

import pytest

from config import ConfigError
from tests.webhooks_ui.configuration.conftest import PRODUCTION, Load

KEY = "bm90LWEtcmVhbC1rZXktYnV0LTMyLWJ5dGVzLWxvbmc="


@pytest.mark.parametrize(
    "keys", [",", " ", " , ", "x", f"{KEY},x", f"{KEY};{KEY}", f'"{KEY}"', KEY.rstrip("="), KEY[4:]]
)
def test_keys_that_are_none_are_refused(settings: Load, keys: str) -> None:
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS must be Fernet keys"):
        settings(ENCRYPTION_KEYS=keys)


@pytest.mark.parametrize("keys", [f"{KEY},{KEY}", f"{KEY} {KEY}", f" {KEY},\r\n{KEY}\n"])
def test_commas_spaces_and_line_ends_separate_keys(settings: Load, keys: str) -> None:
    assert settings(ENCRYPTION_KEYS=keys)["ENCRYPTION_KEYS"] == [KEY, KEY]


@pytest.mark.parametrize("key", ["topsecret", "changeme", "a" * 64, "12345678" * 8, "x" * 31])
def test_production_refuses_a_secret_key_that_is_easy_to_guess(settings: Load, key: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY is easy to guess") as error:
        settings(**PRODUCTION | {"SECRET_KEY": key})
    assert "\n" not in str(error.value)
    assert key not in str(error.value)


@pytest.mark.parametrize("token", ["schlüssel", " ", "a\tb", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(settings: Load, token: str) -> None:
    with pytest.raises(ConfigError, match="METRICS_TOKEN must have printable ASCII characters only"):
        settings(METRICS_TOKEN=token)


def test_the_token_of_the_examples_is_refused(settings: Load) -> None:
    with pytest.raises(ConfigError, match="METRICS_TOKEN is still that of the example"):
        settings(METRICS_TOKEN="CHANGE_ME")


def test_the_token_of_the_metrics_has_no_line_end(settings: Load) -> None:
    assert settings(METRICS_TOKEN="abc\n")["METRICS_TOKEN"] == "abc"
    assert settings(METRICS_TOKEN="")["METRICS_TOKEN"] is None
