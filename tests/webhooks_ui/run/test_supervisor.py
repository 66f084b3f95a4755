"""``make run`` starts, restarts what dies, leaves no process behind, and explains why it can't start."""

import configparser
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from config import ConfigError, load
from tests.support.rig import ROOT, free_port
from tests.support.waiting import wait_for
from webhooks_ui.run.supervisor import only_one, port_is_free, write_configuration


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a new instance with the default settings and two workers."""
    removed = {"DATABASE_URL", "REDIS_URL", "ADMIN_PASSWORD", "APP_ENV", "SECRET_KEY", "ENCRYPTION_KEYS"}
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {"INSTANCE_PATH": str(tmp_path / "in%stance"), "PORT": str(free_port()), "WORKERS": "2"}


def test_the_supervisor_keeps_its_own_files_in_the_instance_folder(environ: dict[str, str], tmp_path: Path) -> None:
    """It deletes its pid file when it ends. As root, with a pid file in /dev, it could delete a device."""
    path = write_configuration(load(environ), demo=False)
    configuration = configparser.ConfigParser()
    configuration.read(path)
    for name in ("logfile", "pidfile"):
        assert configuration["supervisord"][name].startswith(str(tmp_path))


def test_a_taken_port_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 can't be used"):
            port_is_free("127.0.0.1", port)


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


def answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def children(process: psutil.Process, words: str) -> list[psutil.Process]:
    """Return the processes below ``process`` whose command line holds ``words``."""

    def matches(child: psutil.Process) -> bool:
        try:
            return words in " ".join(child.cmdline())
        except psutil.Error:
            return False

    return [child for child in process.children(recursive=True) if matches(child)]


def check_that_it_is_restarted(keeper: psutil.Process, words: str) -> None:
    """Kill a process whose command line holds ``words``. Check that a new one starts."""
    wait_for(lambda: children(keeper, words), 30, f"{words} runs")
    victim = children(keeper, words)[0]
    victim.kill()
    wait_for(lambda: any(child.pid != victim.pid for child in children(keeper, words)), 30, f"{words} is started again")


def test_make_run_prints_the_password_restarts_what_dies_and_leaves_nothing_behind(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "webhooks_ui.run.supervisor"]
    run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.stdout
    try:
        lines = [run.stdout.readline() for _ in range(3)]
        assert lines[0] == f"KeyManager Webhooks starts at http://127.0.0.1:{environ['PORT']}/\n"
        assert re.fullmatch(
            r"Sign in as admin@example.com with the password \S{12,} \(shown only this once\)\.\n", lines[1]
        )
        wait_for(lambda: answers(environ["PORT"]), 60, "the web server answers")
        keeper = psutil.Process(run.pid)
        for words in ("jobs.worker", "jobs.scheduler", "valkey-server", "gunicorn", "supervisord"):
            check_that_it_is_restarted(keeper, words)
        wait_for(lambda: answers(environ["PORT"]), 30, "the web server answers again")
        kept = [path for path in Path(environ["INSTANCE_PATH"]).iterdir() if path.lstat().st_mode & 0o077]
        assert kept == [], "other users may read these files"
        family = keeper.children(recursive=True)
        run.send_signal(signal.SIGINT)
        run.wait(40)
        _, alive = psutil.wait_procs(family, 15)
        assert alive == []
        assert Path("/dev/null").is_char_device()
    finally:
        run.kill()
        run.stdout.close()
        run.wait()


def test_a_supervisor_that_dies_while_its_processes_start_leaves_none_of_them_behind(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "webhooks_ui.run.supervisor"]
    run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: set[psutil.Process] = set()
    try:
        keeper = psutil.Process(run.pid)
        for _ in range(3):
            wait_for(lambda: children(keeper, "jobs.scheduler"), 60, "the last process is started")
            family = keeper.children(recursive=True)
            seen |= set(family)
            supervisor = children(keeper, "supervisord")[0]
            supervisor.kill()
            _, alive = psutil.wait_procs(family, 60)
            assert alive == []
        run.send_signal(signal.SIGINT)
        run.wait(40)
        _, alive = psutil.wait_procs(seen, 15)
        assert alive == []
    finally:
        run.kill()
        run.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_process_whose_parent_is_already_dead_ends_at_once() -> None:
    code = "from webhooks_ui.die_with_parent import die_with_parent; die_with_parent(); print('lives')"
    for parent, printed in ((1, ""), (os.getpid(), "lives\n")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"SUPERVISED": str(parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == printed


def test_without_a_redis_server_the_start_is_refused_on_one_line_before_anything_else(
    environ: dict[str, str], tmp_path: Path
) -> None:
    code = (
        "from webhooks_ui.run import redis_server as r, supervisor; r.find_spec = lambda name: None; supervisor.main()"
    )
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
