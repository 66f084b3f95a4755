"""What ``make run`` as a whole needs."""

import os
import signal
import subprocess
import sys
import tempfile

import psutil

from tests.rig import ROOT, free_port, until


def make_run_memory() -> float:
    """The memory of all processes of ``make run``, in MiB, what they share counted once (proportional set size)."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        environ = os.environ | {"INSTANCE_PATH": folder, "PORT": str(port), "DATABASE_URL": "", "REDIS_URL": ""}
        command = [sys.executable, "-m", "webhooks_ui.supervisor"]
        run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process = psutil.Process(run.pid)

            def complete() -> bool:
                words = " ".join(" ".join(child.cmdline()) for child in process.children(recursive=True))
                return all(name in words for name in ("jobs.worker", "jobs.scheduler", "gunicorn", "redis-server"))

            until(complete, 60, "everything runs")
            _visit(port)
            family = [process, *process.children(recursive=True)]
            return sum(member.memory_full_info().pss for member in family) / 2**20
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(60)


def _visit(port: int) -> None:
    import urllib.request

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    until(answers, 60, "the web server answers")
    for _ in range(20):
        answers()
