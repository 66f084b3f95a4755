"""``make run`` explains on one line why it can't start."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from config import ConfigError, load
from tests.support.rig import ROOT, free_port
from tests.support.waiting import wait_for
from webhooks_ui.checks import Level, Trouble, ready
from webhooks_ui.run.start import only_one, prepare


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    lock = only_one(tmp_path)
    with pytest.raises(ConfigError, match="already runs"):
        only_one(tmp_path)
    os.close(lock)
    os.close(only_one(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written to"):
        only_one(tmp_path / "file")


def test_without_a_redis_server_the_start_is_refused_on_one_line_before_anything_else(
    environ: dict[str, str], tmp_path: Path
) -> None:
    code = "from webhooks_ui.run import redis_server as r, start; r.find_spec = lambda name: None; start.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ | {"PATH": str(tmp_path), "REDIS_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Can't start: there is no Redis-compatible server.")
    assert done.stderr.count("\n") == 1


def test_a_database_of_a_newer_version_asks_for_that_version(environ: dict[str, str], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "newer.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    done = subprocess.run(
        [sys.executable, "-m", "webhooks_ui.run.start"],
        cwd=ROOT,
        env=environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'newer.db'}", "ENCRYPTION_KEYS": "x" * 43 + "="},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Can't start: The database was migrated by a newer version. Its revision is 9999")
    assert done.stderr.endswith("Install the newer version.\n")
    assert done.stderr.count("\n") == 1


def test_a_database_that_takes_no_writes_is_told(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepare(load(environ))
    assert prepare(load(environ)) is None
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(ready, "writing", lambda: Trouble(Level.FAILED, "The database is read-only."))
    prepare(load(environ))
    said = "The database is read-only. Nothing can be published, delivered or changed until it takes writes.\n"
    assert capsys.readouterr().out == said


def test_an_option_that_the_database_does_not_know_leads_to_its_setting(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "webhooks_ui.run.start"],
        cwd=ROOT,
        env=environ | {"DATABASE_URL": "postgresql://eva:hush@127.0.0.1/webhooks?ssl_mode=require"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    said = "Can't start: DATABASE_URL has an option after ? that doesn't exist or has a wrong value."
    assert done.stderr == f"{said} In a user or password, write ? as %3F.\n"


def test_ctrl_c_ends_a_start_without_a_traceback(environ: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "webhooks_ui.run.start"]
    settings = environ | {"INSTANCE_PATH": str(tmp_path / "instance"), "REDIS_URL": "", "PORT": str(free_port())}
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True) as start:
        wait_for((tmp_path / "instance" / "run.lock").exists, what="the start has begun")
        start.send_signal(signal.SIGINT)
        _, said = start.communicate(timeout=30)
    assert (start.returncode, said) == (-signal.SIGINT, "")


PROGRAMS = (
    "webhooks_ui.run.start",
    "webhooks_ui.run.keeper",
    "webhooks_ui.run.supervisor",
    "jobs.worker",
    "jobs.scheduler",
)


@pytest.mark.parametrize("module", PROGRAMS)
def test_ctrl_c_ends_a_program_without_a_traceback_while_it_is_loaded(environ: dict[str, str], module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", module]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr
        while not program.stderr.readline().endswith("| webhooks_ui.stop_signals\n"):
            assert program.poll() is None
        program.stderr.readline()  # of the next import
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=30)
    assert "Traceback" not in said
