"""``flask doctor`` says in sentences what is wrong with a deployment, and exits with 1 if a check fails."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import stamp
from redis import Redis

from tests.support.factories import make_event, make_process, make_webhook
from tests.support.mailbox import receiving_mail
from tests.support.rig import free_port
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.checks import setup
from webhooks_ui.configuration.mail import SmtpServer
from webhooks_ui.database import db
from webhooks_ui.models import Event, utcnow


@pytest.fixture
def running(app: Flask) -> None:
    stamp()
    make_process("worker")
    make_process("scheduler")


@pytest.fixture
def unknown_names(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A set of host names that can't be resolved. All others can."""
    unknown: set[str] = set()

    def resolve(host: str, *_: object, **__: object) -> list[object]:
        if host in unknown:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [object()]

    monkeypatch.setattr(setup.socket, "getaddrinfo", resolve)  # type: ignore[attr-defined]
    return unknown


def test_a_healthy_deployment_passes_every_check(run: Run, running: None) -> None:
    done = run("doctor")
    assert done.exit_code == 0, done.output
    assert "0 checks failed, with 0 warnings." in done.output
    assert "FAILED" not in done.output


def test_what_is_wrong_is_said_with_what_to_do(run: Run, app: Flask) -> None:
    stamp()
    done = run("doctor")
    assert done.exit_code == 1
    assert "No worker runs, or all of them are stopped." in done.output
    assert "Start one: python -m jobs.worker" in done.output
    assert "No scheduler runs, or it is stopped." in done.output
    assert "2 checks failed, with 0 warnings." in done.output


def test_what_cannot_be_known_is_not_checked(run: Run, app: Flask) -> None:
    done = run("doctor")
    assert done.exit_code == 1
    assert "flask db upgrade" in done.output
    assert "workers          not checked" in done.output


def test_processes_of_another_version_are_named(run: Run, running: None) -> None:
    make_process("worker", version="0.0.9")
    done = run("doctor")
    assert done.exit_code == 0
    assert "Restart: worker 4711 on here.example.com (0.0.9)." in done.output


def test_host_names_that_cannot_be_resolved_are_named(run: Run, running: None, unknown_names: set[str]) -> None:
    make_webhook(url="https://gone.example.com/hook")
    make_webhook(url="https://93.184.216.34/hook")
    unknown_names.add("gone.example.com")
    done = run("doctor")
    assert done.exit_code == 1
    assert "No host name of an active webhook can be resolved. 1 were tried." in done.output
    make_webhook(url="https://there.example.com/hook")
    done = run("doctor")
    assert done.exit_code == 0
    assert "These are: gone.example.com." in done.output


def test_a_mail_server_that_is_away_is_a_warning(run: Run, app: Flask, running: None) -> None:
    app.config["SMTP"] = SmtpServer("smtp", "127.0.0.1", free_port())
    done = run("doctor")
    assert done.exit_code == 0
    assert "can't be used." in done.output
    assert "1 warning." in done.output


def test_a_mail_server_that_answers_gets_no_mail(run: Run, app: Flask, running: None) -> None:
    with receiving_mail() as box:
        app.config["SMTP"] = box.server()
        assert run("doctor").exit_code == 0
        assert box.mails == []


def test_certificates_that_cannot_be_loaded_fail(
    run: Run, running: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nobody.pem"))
    done = run("doctor")
    assert done.exit_code == 1
    assert "The certificate authorities can't be loaded." in done.output


def test_clocks_that_differ_fail(run: Run, app: Flask, running: None, monkeypatch: pytest.MonkeyPatch) -> None:
    redis: Redis = app.extensions["redis"]
    ahead = int((utcnow() + timedelta(minutes=10)).timestamp())
    monkeypatch.setattr(redis, "time", lambda: (ahead, 0))
    done = run("doctor")
    assert done.exit_code == 1
    assert "The clocks of this machine and of Redis differ by" in done.output


def test_a_clock_that_was_set_back_is_a_warning(run: Run, running: None) -> None:
    make_webhook(url="https://93.184.216.34/hook", active=False)
    make_event()
    db.session.execute(db.update(Event).values(created_at=utcnow() + timedelta(hours=1)))
    db.session.commit()
    assert "The clock was set back." in run("doctor").output


def test_settings_that_are_hardly_meant_are_warnings(run: Run, app: Flask, running: None) -> None:
    app.config["HOST"] = "0.0.0.0"
    done = run("doctor")
    assert done.exit_code == 0
    assert "APP_ENV is not production." in done.output
    app.config |= {"PRODUCTION": True, "PUBLIC_URL": "http://portal.example.com", "METRICS_TOKEN": None}
    done = run("doctor")
    assert "PUBLIC_URL is no https address" in done.output
    assert "METRICS_TOKEN is not set" in done.output


def test_https_without_trusted_proxies_is_a_warning(run: Run, app: Flask, running: None) -> None:
    assert "TRUSTED_PROXIES" not in run("doctor").output
    app.config["PUBLIC_URL"] = "https://portal.example.com"
    done = run("doctor")
    assert done.exit_code == 0
    assert "TRUSTED_PROXIES is not set" in done.output
    app.config["TRUSTED_PROXIES"] = 1
    assert "TRUSTED_PROXIES" not in run("doctor").output


def test_a_disk_that_gets_full_is_a_warning(run: Run, running: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "DISK_SHARE", 1.0)
    monkeypatch.setattr(setup, "DISK_LOW_BYTES", 2**62)
    done = run("doctor")
    assert done.exit_code == 0
    assert "are left on the disk of" in done.output


def test_an_instance_folder_that_nobody_made_is_no_trouble(run: Run, app: Flask, running: None, tmp_path: Path) -> None:
    app.config["INSTANCE_PATH"] = tmp_path / "never" / "made"
    done = run("doctor")
    assert done.exit_code == 0
    assert "disk space       ok" in done.output


def test_a_write_ahead_log_that_grows_is_a_warning(run: Run, running: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "LOG_MAX_BYTES", -1)
    assert "SQLite's write-ahead log has" in run("doctor").output
