"""The thread that asks for chores."""

import subprocess
import sys

from flask import Flask

from tests.support.rig import ROOT
from tests.support.waiting import wait_for

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
