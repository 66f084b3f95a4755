"""Words, numbers, switches and folders, and their defaults."""

import os
from pathlib import Path

import pytest

from config import ConfigError
from tests.webhooks_ui.configuration.conftest import OIDC, PRODUCTION, Load


@pytest.mark.parametrize("name", ["prod", "staging", "Production", "production ", "test"])
def test_another_environment_of_the_app_is_refused(settings: Load, name: str) -> None:
    """It would count as development, where cookies need no https and loopback may be a target."""
    with pytest.raises(ConfigError, match=r"APP_ENV must be development or production, not"):
        settings(APP_ENV=name)


def test_development_is_the_default(settings: Load) -> None:
    assert not settings()["PRODUCTION"]
    assert not settings(APP_ENV="development")["PRODUCTION"]
    assert settings(**PRODUCTION)["PRODUCTION"]


def test_production_logs_json_and_more(settings: Load) -> None:
    for environ, level, format in (
        ({}, "warning", "text"),
        (PRODUCTION, "info", "json"),
        (PRODUCTION | {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "text"}, "debug", "text"),
        ({"LOG_LEVEL": "", "LOG_FORMAT": ""}, "warning", "text"),
    ):
        loaded = settings(**environ)
        assert (loaded["LOG_LEVEL"], loaded["LOG_FORMAT"]) == (level, format)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("LOG_LEVEL", "LOG_LEVEL must be one of debug, info, warning, error, not 'loud'."),
        ("LOG_FORMAT", "LOG_FORMAT must be one of json, text, not 'loud'."),
    ],
)
def test_a_log_that_does_not_exist_is_refused(settings: Load, name: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings(**{name: "loud"})
    assert str(error.value) == sentence


@pytest.mark.parametrize("name", ["PASSWORD_SIGN_IN", "EXPRESS_LANE"])
def test_a_switch_is_on_or_off_in_any_case(settings: Load, name: str) -> None:
    assert [settings(**OIDC | {name: text})[name] for text in ("", "on", "ON", "off", "Off")] == [True] * 3 + [
        False
    ] * 2


@pytest.mark.parametrize("name", ["PORT", "WORKERS", "REQUEST_TIMEOUT_SECONDS", "TRUSTED_PROXIES"])
@pytest.mark.parametrize("number", ["99999999", "9" * 5_000])
def test_a_number_out_of_its_range_is_refused_however_long_it_is(settings: Load, name: str, number: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a whole number from"):
        settings(**{name: number})


def test_a_worker_has_a_thousand_requests_in_flight_unless_told_otherwise(settings: Load) -> None:
    assert settings()["IN_FLIGHT"] == 1_024
    assert settings(IN_FLIGHT="64")["IN_FLIGHT"] == 64
    assert (settings()["EXPRESS_LANE"], settings(EXPRESS_LANE="off")["EXPRESS_LANE"]) == (True, False)
    with pytest.raises(ConfigError, match="IN_FLIGHT"):
        settings(IN_FLIGHT="3")


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "ADMIN_PASSWORD", "DATABASE_URL", "REDIS_URL", "HOST", "OIDC_ISSUER", "OIDC_NAME", "INSTANCE_PATH"],
)
def test_a_setting_that_is_not_utf8_is_refused(settings: Load, name: str) -> None:
    provider = {"OIDC_ISSUER": "https://login.example.com", "OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "x"}
    with pytest.raises(ConfigError, match=f"{name} must be in UTF-8"):
        settings(**provider | {name: os.fsdecode("Société".encode("latin-1"))})


def test_an_instance_folder_that_nobody_can_make_is_refused(settings: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="INSTANCE_PATH"):
        settings(INSTANCE_PATH=str(tmp_path / ("x" * 300)))


def test_an_instance_folder_behind_links_in_a_circle_is_refused(settings: Load, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(ConfigError, match="can't be written to"):
        settings(INSTANCE_PATH=str(tmp_path / "one"))


def test_a_relative_instance_folder_is_refused_with_its_absolute_path(
    settings: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        settings(INSTANCE_PATH="data")
    assert str(caught.value) == f"INSTANCE_PATH must be an absolute path, not 'data'. Write it as {tmp_path / 'data'}."
    assert list(tmp_path.iterdir()) == []


def test_an_instance_folder_in_a_home_that_no_shell_has_put_in_is_refused_with_its_path(
    settings: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=f"not '~/data'. Write it as {tmp_path / 'data'}."):
        settings(INSTANCE_PATH="~/data")
    with pytest.raises(ConfigError, match="INSTANCE_PATH must be an absolute path"):
        settings(INSTANCE_PATH="~nobody-has-this-name/data")
