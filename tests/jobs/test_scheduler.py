"""The thread that asks for chores."""

import subprocess
import sys
from typing import NoReturn

import pytest
from flask import Flask
from redis import ConnectionError
from rq import Queue

from jobs import scheduler
from tests.support.rig import ROOT
from tests.support.waiting import wait_for
from webhooks_ui.wake import CHORES

SCRIPT = """
import sys, threading, time
from datetime import UTC, datetime
import time_machine
from redis import Redis
from jobs.scheduler import ask_for_chores
with time_machine.travel(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
    threading.Thread(target=ask_for_chores, args=(Redis.from_url(sys.argv[1]),), daemon=True).start()
    time.sleep(1)
print("The clock is right again.", flush=True)
time.sleep(60)
"""


def test_chores_are_asked_for_after_the_clock_was_as_wrong_as_it_can_be(app: Flask) -> None:
    redis = app.extensions["redis"]
    command = [sys.executable, "-c", SCRIPT, app.config["REDIS_URL"]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "The clock is right again.\n"
            wait_for(lambda: redis.llen("rq:queue:chores") > 1, what="chores are asked for")
        finally:
            process.kill()


def test_a_start_asks_once_for_the_purge_that_was_missed_while_nothing_ran(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(BaseException): ...

    errors = iter((OverflowError("date value out of range"), ConnectionError("gone"), Ended()))

    def end(_cron: scheduler.Cron) -> NoReturn:
        raise next(errors)

    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(scheduler.Cron, "start", end)
    with pytest.raises(Ended):
        scheduler.ask_for_chores(app.extensions["redis"])
    asked = Queue(CHORES, connection=app.extensions["redis"]).get_jobs()
    assert [job.func_name for job in asked] == ["jobs.chores.purge.purge_daily"]
