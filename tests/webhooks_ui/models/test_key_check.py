"""Lost or wrong ENCRYPTION_KEYS stop the start, with one line that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from config import ROOT, ConfigError, load
from tests.support.factories import make_unreadable_webhook, make_webhook
from tests.support.rig import free_port
from webhooks_ui.database import db
from webhooks_ui.models import Setting, get_settings
from webhooks_ui.models.key_check import NAME, are_keys_right, check_keys


def lose_keys(app: Flask) -> None:
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]


def test_the_first_check_keeps_a_text_that_only_the_keys_can_decrypt(app: Flask) -> None:
    check_keys()
    kept = db.session.get_one(Setting, NAME).value
    assert Fernet(app.config["ENCRYPTION_KEYS"][0]).decrypt(kept.encode()) == b"KeyManager Webhooks"
    assert NAME not in get_settings()
    check_keys()
    assert db.session.get_one(Setting, NAME).value == kept


def test_other_keys_are_refused(app: Flask) -> None:
    check_keys()
    assert are_keys_right()
    lose_keys(app)
    assert not are_keys_right()
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS are not those"):
        check_keys()


def test_a_key_that_was_added_before_the_old_one_is_right(app: Flask) -> None:
    check_keys()
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode(), *app.config["ENCRYPTION_KEYS"]]
    check_keys()


def test_a_database_from_before_the_check_is_judged_by_its_secrets(app: Flask) -> None:
    make_webhook()
    right = app.config["ENCRYPTION_KEYS"]
    lose_keys(app)
    with pytest.raises(ConfigError):
        check_keys()
    assert db.session.get(Setting, NAME) is None
    app.config["ENCRYPTION_KEYS"] = right
    make_unreadable_webhook()  # a single lost secret doesn't stop the product
    check_keys()
    assert db.session.get(Setting, NAME)


def test_a_database_without_tables_is_not_judged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    db.drop_all()
    check_keys()
    (line,) = caplog.messages
    assert line.startswith("ENCRYPTION_KEYS can't be checked, because the database has no tables yet. Run: ")
    assert line.endswith("flask db upgrade")
    assert "\n" not in line


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """An instance folder that was used before: it has keys, a database, and the known text."""
    from flask_migrate import upgrade

    from webhooks_ui import create_app

    folder = tmp_path / "my instance"
    app = create_app(load({"INSTANCE_PATH": str(folder)}))
    with app.app_context():
        upgrade()
        check_keys()
        db.engine.dispose()
    return folder


@pytest.mark.parametrize("module", ["webhooks_ui.run.start", "jobs.worker", "jobs.scheduler", "wsgi"])
def test_a_process_with_other_keys_ends_with_one_line(instance: Path, module: str) -> None:
    (instance / "encryption_keys").write_text(Fernet.generate_key().decode())
    done = start(instance, module)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Can't start: ENCRYPTION_KEYS are not those" in done.stderr
    assert done.stderr.strip().count("\n") == 0, done.stderr


def test_a_lost_file_of_keys_is_not_made_anew(instance: Path) -> None:
    file = instance / "encryption_keys"
    file.unlink()
    done = start(instance, "webhooks_ui.run.start")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Can't start: ENCRYPTION_KEYS were lost: {file} is missing")
    assert done.stderr.count("\n") == 1
    assert not file.exists()


def test_lost_keys_of_a_database_that_is_named_by_a_relative_path_are_not_made_anew(instance: Path) -> None:
    (instance / "encryption_keys").unlink()
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS were lost"):
        load({"INSTANCE_PATH": str(instance), "DATABASE_URL": "sqlite:///webhooks.db"})


def test_an_empty_file_of_keys_is_refused(instance: Path) -> None:
    (instance / "encryption_keys").write_text("\n")
    with pytest.raises(ConfigError, match="encryption_keys is empty"):
        load({"INSTANCE_PATH": str(instance)})


def start(instance: Path, module: str) -> subprocess.CompletedProcess[str]:
    removed = {"DATABASE_URL", "REDIS_URL", "APP_ENV", "SECRET_KEY", "ENCRYPTION_KEYS", "FLASK_RUN_FROM_CLI"}
    environ = {name: value for name, value in os.environ.items() if name not in removed}
    environ |= {"INSTANCE_PATH": str(instance), "PORT": str(free_port())}
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)
