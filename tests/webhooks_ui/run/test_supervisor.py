"""The supervisor forks all processes, starts again what dies, and leaves no process behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from cryptography.fernet import Fernet
from flask_migrate import upgrade

from config import load
from tests.support.rig import ROOT
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.instance_folder import redis_socket
from webhooks_ui.models.key_check import check_keys
from webhooks_ui.run.keeper import RESTART_SECONDS
from webhooks_ui.run.programs import programs
from webhooks_ui.run.supervisor import START_SECONDS, Child


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
    wait_for(lambda: children(keeper, words), what=f"{words} runs")
    victim = children(keeper, words)[0]
    victim.kill()
    wait_for(
        lambda: any(child.pid != victim.pid for child in children(keeper, words)), what=f"{words} is started again"
    )


def test_make_run_prints_the_password_restarts_what_dies_and_leaves_nothing_behind(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "webhooks_ui.run.start"]
    run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.stdout
    try:
        lines = [run.stdout.readline() for _ in range(3)]
        assert lines[0] == f"KeyManager Webhooks starts at http://127.0.0.1:{environ['PORT']}/\n"
        assert re.fullmatch(
            r"Sign in as admin@example.com with the password \S{12,} \(shown only this once\)\.\n", lines[1]
        )
        wait_for(lambda: answers(environ["PORT"]), what="the web server answers")
        keeper = psutil.Process(run.pid)
        for words in ("jobs.worker", "jobs.scheduler", "valkey-server", "gunicorn", "run.supervisor"):
            check_that_it_is_restarted(keeper, words)
        wait_for(lambda: answers(environ["PORT"]), what="the web server answers again")
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
    command = [sys.executable, "-m", "webhooks_ui.run.start"]
    run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: set[psutil.Process] = set()
    try:
        keeper = psutil.Process(run.pid)
        for _ in range(3):
            wait_for(lambda: children(keeper, "jobs.scheduler"), what="the last process is started")
            family = keeper.children(recursive=True)
            seen |= set(family)
            supervisor = children(keeper, "run.supervisor")[0]
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


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


@pytest.fixture
def running(environ: dict[str, str]) -> Iterator[psutil.Process]:
    """Yield the supervisor of a ``make run`` that answers."""
    command = [sys.executable, "-m", "webhooks_ui.run.start"]
    run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(environ["PORT"]), what="the web server answers")
        yield children(psutil.Process(run.pid), "run.supervisor")[0]
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(60)


@LINUX
def test_the_supervisor_forks_with_one_thread_and_nothing_open(running: psutil.Process) -> None:
    wait_for(lambda: len(children(running, "jobs.")) == 3, what="workers and scheduler run")
    children(running, "jobs.worker")[0].kill()
    wait_for(lambda: len(children(running, "jobs.worker")) == 2, what="the worker is started again")
    assert running.num_threads() == 1
    assert running.net_connections("all") == []
    opened = {str(path.readlink()) for path in Path(f"/proc/{running.pid}/fd").iterdir()}
    assert opened == {"/dev/null"}


@LINUX
def test_forked_processes_have_names_and_share_the_application(running: psutil.Process) -> None:
    wait_for(lambda: len(children(running, "jobs.")) == 3, what="workers and scheduler run")
    titles = {" ".join(child.cmdline()).strip() for child in running.children()}
    assert titles >= {
        "web: gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app",
        "worker-0: jobs.worker",
        "worker-1: jobs.worker",
        "scheduler: jobs.scheduler",
    }
    for child in children(running, "jobs."):
        memory = child.memory_full_info()
        assert memory.pss < 0.6 * memory.rss, child


@LINUX
def test_no_two_processes_share_a_connection_to_redis(running: psutil.Process) -> None:
    wait_for(lambda: len(children(running, "jobs.")) == 3, what="workers and scheduler run")
    found = [socket for child in children(running, "jobs.") for socket in sockets_of(child)]
    assert len(found) == len(set(found))


def sockets_of(process: psutil.Process) -> set[str]:
    """Return the connected sockets of a process, as the system names them, once it has some."""

    def sockets() -> set[str]:
        connected = {f"socket:[{inode}]" for inode in connected_unix_sockets()}
        links = set()
        for path in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the process has closed it meanwhile
                links.add(str(path.readlink()))
        return links & connected

    return wait_for(sockets, what=f"process {process.pid} is connected")


def connected_unix_sockets() -> set[str]:
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return {line.split()[6] for line in lines if line.split()[5] == "03"}  # SS_CONNECTED of linux/net.h


def supervise(environ: dict[str, str], *names: str, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "webhooks_ui.run.supervisor", *names]
    with output.open("wb") as file:
        return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=file, stderr=file)


def test_what_dies_at_once_is_started_again_with_growing_pauses(environ: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = supervise(environ | {"INSTANCE_PATH": str(tmp_path)}, "redis", output=log)
    supervisor = psutil.Process(program.pid)
    try:
        for pause in (1, 2):
            kill_the_child(supervisor)
            wait_for(partial(is_said, log, f"It starts again in {pause} s."), what="it is said")
        began = time.monotonic()
        wait_for(lambda: bool(supervisor.children()), what="it is started again")
        assert time.monotonic() - began > 1
        time.sleep(START_SECONDS + 0.2)
        kill_the_child(supervisor)
        wait_for(partial(is_said, log, "redis was ended by SIGKILL. It starts again in 0 s."), what="it had started")
    finally:
        program.terminate()
        assert program.wait(30) == 0


def kill_the_child(supervisor: psutil.Process) -> None:
    wait_for(lambda: bool(supervisor.children()), what="it is started")
    supervisor.children()[0].kill()


def is_said(log: Path, words: str) -> bool:
    return words in log.read_text()


def test_a_process_that_does_not_end_is_killed(environ: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = supervise(environ, "redis", output=log)
    child = wait_for(lambda: children(psutil.Process(program.pid), "valkey-server"), what="it is started")[0]
    child.suspend()
    wait_for(lambda: child.status() == psutil.STATUS_STOPPED, what="it is stopped")
    program.terminate()
    assert program.wait(30) == 0
    assert not child.is_running()
    assert "redis doesn't end, and is killed." in log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_redis_that_cannot_save_its_data_ends_with_a_supervisor_that_is_killed(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """On a full disk, for example. The next one would wait for it for ever."""
    program = supervise(environ, "redis", output=tmp_path / "log")
    child = wait_for(lambda: children(psutil.Process(program.pid), "valkey-server"), what="it is started")[0]
    instance = Path(environ["INSTANCE_PATH"])
    wait_for(redis_socket(instance).exists, what="it listens")
    (instance / "redis.rdb").mkdir()
    program.kill()
    program.wait(30)
    try:
        child.wait(10)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


@pytest.mark.parametrize("module", ["keeper", "supervisor"])
def test_what_nohup_started_goes_on_when_its_terminal_is_closed(environ: dict[str, str], module: str) -> None:
    load(environ)
    command = ["nohup", sys.executable, "-m", f"webhooks_ui.run.{module}", "redis"]
    program = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(lambda: children(psutil.Process(program.pid), "valkey-server"), what="it is started")
        program.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(1)
    finally:
        program.terminate()
        assert program.wait(30) == 0


def test_a_supervisor_that_dies_while_the_output_goes_to_a_full_disk_is_started_again(environ: dict[str, str]) -> None:
    load(environ)
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "webhooks_ui.run.keeper", "redis"]
        keeper = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=full, stderr=full)
    try:
        check_that_it_is_restarted(psutil.Process(keeper.pid), "run.supervisor")
    finally:
        keeper.terminate()
        keeper.wait(30)


@pytest.mark.parametrize("module", ["keeper", "supervisor"])
def test_an_unknown_program_is_refused(environ: dict[str, str], module: str) -> None:
    command = [sys.executable, "-m", f"webhooks_ui.run.{module}", "wokrer"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "there is no program 'wokrer'. Choose from: redis, web, worker" in done.stderr
    assert "died" not in done.stderr


SLOW = """
import os, signal, time
from webhooks_ui.run import keeper
keeper.die_with_parent = lambda parent: (os.kill(parent, signal.SIGINT), time.sleep(0.2))
keeper.main()
"""


def test_a_keeper_that_is_stopped_while_it_makes_the_supervisor_ends(environ: dict[str, str]) -> None:
    command = [sys.executable, "-c", SLOW, "redis"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_web_server_that_cannot_make_its_app_ends_with_one_line_and_is_started_again(
    environ: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    prepared = create_app(load(environ))
    with prepared.app_context():
        upgrade()
        check_keys()
        db.engine.dispose()
    program = supervise(environ | {"ENCRYPTION_KEYS": Fernet.generate_key().decode()}, "web", output=log)
    try:
        wait_for(partial(is_said, log, "web ended with 3. It starts again"), what="the web server ends")
        assert "Can't start: ENCRYPTION_KEYS are not those" in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        program.terminate()
        assert program.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGRTMIN + 1])
def test_any_signal_may_end_a_process(number: int) -> None:
    """The supervisor would end with it, and all processes with the supervisor."""
    child = Child(programs(load({}), ["scheduler"])[0])
    command = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(number)})"]
    pid = os.posix_spawn(sys.executable, command, os.environ)
    child.note_start(pid)
    child.note_end(os.waitpid(pid, 0)[1])
    assert (child.pid, child.failures) == (0, 1)


# Root may always start processes. So a user that has no others takes its place, once everything is imported.
LIMITED = """
import os, resource, signal
from webhooks_ui.run import keeper
from webhooks_ui.run.programs import Program
from webhooks_ui.run.supervisor import Supervisor
if os.getuid() == 0:
    os.setuid(64_123)
_, most = resource.getrlimit(resource.RLIMIT_NPROC)
signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_NPROC, (most, most)))
resource.setrlimit(resource.RLIMIT_NPROC, (0, most))
"""
SUPERVISED = """
forked = Supervisor([Program(name, (), "signal:pause", 2, 5) for name in ("one", "two")]).run()
if forked:
    forked.run()
"""


@contextlib.contextmanager
def limited(code: str, log: Path) -> Iterator[psutil.Process]:
    """Run ``code`` in a process that can't start others until it gets SIGUSR1. End it at last."""
    with log.open("wb") as file:
        program = subprocess.Popen([sys.executable, "-c", LIMITED + code], cwd=ROOT, stdout=file, stderr=file)
    try:
        yield psutil.Process(program.pid)
    finally:
        program.terminate()
        assert program.wait(30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the processes of a user so")
def test_a_system_that_starts_no_process_is_asked_again_and_told_of_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with limited(SUPERVISED, log) as supervisor:
        wait_for(partial(is_said, log, "one can't be started, trying again: "), what="it is said")
        time.sleep(START_SECONDS + 0.5)
        supervisor.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(supervisor.children()) == 2, what="both are started")
        wait_for(partial(is_said, log, "Processes can be started again."), what="it is said")
    assert log.read_text().count("can't be started") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the processes of a user so")
def test_the_keeper_waits_for_a_process_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with limited("keeper.main()", log) as keeper:
        wait_for(partial(is_said, log, "The supervisor can't be started, trying again: "), what="it is said")
        time.sleep(RESTART_SECONDS + 0.5)
        assert keeper.is_running()
    assert len(log.read_text().splitlines()) == 1
