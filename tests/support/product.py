"""Runs the whole product as ``make run`` does, in its own folder."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import requests

from config import load
from tests.support.rig import ROOT, free_port
from tests.support.waiting import wait_for
from webhooks_ui import create_app
from webhooks_ui.database import db
from webhooks_ui.models import Delivery


class Product:
    """A running ``make run`` with its own instance folder.

    Args:
        settings: environment variables for it.
    """

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.port = free_port()
        self.environ = os.environ | {"INSTANCE_PATH": str(folder), "PORT": str(self.port), "DATABASE_URL": database_url}
        self.environ |= {"REDIS_URL": "", "WORKERS": "2", "PYTHONDONTWRITEBYTECODE": ""} | settings
        self.log = (folder / "run.log").open("ab")
        command = [sys.executable, "-m", "webhooks_ui.run.start"]
        self.run = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=self.log, stderr=self.log)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for(self._answers, 90, "the product answers")
        self.app = create_app(load(self.environ), web=False)

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        return False

    def processes(self, words: str = "") -> list[psutil.Process]:
        """Return the processes below ``make run`` whose command line holds ``words``."""
        found = []
        for process in psutil.Process(self.run.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def statuses(self) -> dict[str, int]:
        """Return how many deliveries have each status."""
        with self.app.app_context():
            query = db.select(Delivery.status, db.func.count()).group_by(Delivery.status)
            rows = db.session.execute(query).all()
            db.session.remove()
            return {status: count for status, count in rows}  # noqa: C416 (mypy doesn't accept a Row as a pair)

    def stop(self) -> None:
        self.run.send_signal(signal.SIGINT)
        self.run.wait(60)
        self.log.close()
        with self.app.app_context():
            db.engine.dispose()
