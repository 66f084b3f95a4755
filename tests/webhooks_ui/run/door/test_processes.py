"""The processes of the web server: a graceful stop, a process that is killed, and one that can't start."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.factories import make_api_key
from tests.support.rig import ROOT, Rig
from tests.support.stalled import stalled_clients
from tests.support.waiting import wait_for
from tests.webhooks_ui.run.door.talking import CLOSING, EVENT, HEALTH, LARGE, connect, head, status, talk


def test_a_stopping_server_finishes_what_it_has_begun(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start_web()
        with rig.app.app_context():
            text = make_api_key()[1]
        body = json.dumps([json.loads(EVENT)] * 1_000).encode()
        answers: list[bytes] = []
        with stalled_clients(rig.port, 5), held_open(rig) as publishing:
            publishing.sendall(head(text, f"Content-Length: {len(body)}", "Connection: close") + body[:-1])
            rig.processes["web"].send_signal(signal.SIGTERM)
            time.sleep(0.3)  # the request's last byte comes while the server stops
            publishing.sendall(body[-1:])
            reader = threading.Thread(target=lambda: answers.append(publishing.recv(65_536)))
            reader.start()
            assert rig.processes["web"].wait(15) == 0
            reader.join()
        assert status(answers[0]) == 202


def test_a_stopping_process_answers_those_who_have_just_connected(tmp_path: Path) -> None:
    with Rig(tmp_path, WEB_PROCESSES="1") as rig, contextlib.ExitStack() as stack:
        rig.start_web()
        assert status(talk(rig, CLOSING)) == 200
        (process,) = psutil.Process(rig.processes["web"].pid).children()
        process.suspend()
        waiting = [stack.enter_context(connect(rig)) for _ in range(8)]
        for connection in waiting:
            connection.sendall(HEALTH)
        process.terminate()
        process.resume()
        answers = [connection.recv(65_536) for connection in waiting]
        assert [status(answer) for answer in answers] == [200] * 8
        assert all(b"\r\nConnection: close\r\n" in answer for answer in answers)


def test_a_stopping_server_takes_no_new_connection_that_it_would_not_answer(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start_web()
        with held_open(rig) as begun:
            begun.sendall(HEALTH[:-2])
            rig.processes["web"].send_signal(signal.SIGTERM)
            wait_for(lambda: is_refused(rig), what="it listens no longer")
            begun.sendall(HEALTH[-2:])
            assert status(begun.recv(65_536)) == 200
        assert rig.processes["web"].wait(15) == 0


def test_a_server_that_stops_while_its_processes_begin_answers_all_the_same(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start_web("tests.webhooks_ui.run.door.late_conf")
        web = psutil.Process(rig.processes["web"].pid)
        wait_for(lambda: len(web.children()) == 2, what="the late process has begun")
        web.terminate()
        wait_for(lambda: is_refused(rig), what="it listens no longer")
        assert rig.processes["web"].wait(15) == 0


def is_refused(rig: Rig) -> bool:
    """Return True if nobody listens. Else there must be an answer."""
    with contextlib.suppress(ConnectionRefusedError):
        assert status(talk(rig, CLOSING)) == 200
        return False
    return True


def test_a_stopping_server_lets_a_client_read_why_it_was_refused(tmp_path: Path) -> None:
    with Rig(tmp_path, WEB_PROCESSES="1") as rig:
        rig.start_web()
        with held_open(rig) as connection:
            rig.processes["web"].send_signal(signal.SIGTERM)
            connection.sendall(LARGE.replace(b"8388608", b"8388609"))
            for _ in range(8):
                time.sleep(0.1)  # the client goes on sending, although it has an answer
                connection.sendall(b" " * 65_536)
            assert status(connection.recv(65_536)) == 413
        assert rig.processes["web"].wait(15) == 0


@contextlib.contextmanager
def held_open(rig: Rig) -> Iterator[socket.socket]:
    """Connect, and ask once, so that the connection is surely accepted."""
    with connect(rig) as connection:
        connection.sendall(HEALTH)
        answered = b""
        while not answered.endswith(b"\r\n\r\nok\n"):
            answered += connection.recv(65_536)
        yield connection


def test_a_server_starts_on_a_full_disk(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        command = f"{sys.executable} -m gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app"
        rig.start("web", "sh", "-c", f"ulimit -f 0; exec {command}", output=Path(os.devnull))  # no file may get a byte

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return status(talk(rig, CLOSING)) == 200
            return False

        wait_for(answers, what="the web server answers")


def test_a_killed_process_of_the_server_is_replaced(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start_web()
        web = psutil.Process(rig.processes["web"].pid)
        wait_for(lambda: len(web.children()) == 2, what="two processes run")
        killed = web.children()[0].pid
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: len([child for child in web.children() if child.pid != killed]) == 2, what="two run again")
        assert status(talk(rig, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "program",
    ["gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app", "jobs.worker", "jobs.scheduler"],
)
def test_a_wrong_setting_ends_a_process_with_one_line(tmp_path: Path, program: str) -> None:
    command = [sys.executable, "-m", *program.split()]
    environ = os.environ | {"INSTANCE_PATH": str(tmp_path), "APP_ENV": "prod"}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert ended.stderr == "Error: APP_ENV must be development or production, not 'prod'.\n"


@pytest.mark.parametrize("module", ["jobs.worker", "jobs.scheduler"])
def test_a_process_explains_itself_instead_of_starting(module: str) -> None:
    command = [sys.executable, "-m", module, "--help"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"usage: python -m {module} [-h]\n")
    assert "until SIGTERM or SIGINT" in ended.stdout
