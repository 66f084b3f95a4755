"""The worker process: an RQ worker that delivers, in the app's context. ``python -m jobs.worker``."""

import ctypes
import logging
import os
import resource
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event

from jobs import deliver
from jobs.rq_worker import Worker, work
from webhooks_ui import create_app
from webhooks_ui.database import db, dialect
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.wake import QUEUE

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
LARGE_BYTES = 128 * 1024
ARENAS = 2


class DeliveryWorker(Worker):
    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        deliver.stopping.set()
        super().request_stop(signum, frame)


def main() -> None:
    """Work until SIGTERM or SIGINT; then finish what is in flight and return the rest."""
    die_with_parent()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _allow_open_files()
    _return_memory()
    app = create_app(web=False)
    with app.app_context():
        _relax_commits(db.engine)
        work(app, DeliveryWorker, QUEUE)
    logging.shutdown()
    os._exit(0)  # wait for no thread: what they do now, nobody wants any more


def _allow_open_files() -> None:
    """As many as the system lets us have: each request is one, and each connection that is kept."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _return_memory() -> None:
    """Have glibc give large bodies back to the system when they are done, instead of keeping room for some more.

    By itself it would raise the size from which it does so, and keep a heap for each of many threads (mallopt(3)).
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(M_MMAP_THRESHOLD, LARGE_BYTES)
        set_option(M_ARENA_MAX, ARENAS)


def _relax_commits(engine: Engine) -> None:
    """Let a worker's commits reach the disk a moment later: what a power failure takes is only sent again."""

    @event.listens_for(engine, "connect")
    def relax(connection: Any, _record: Any) -> None:
        dialect(engine).relax_commits(connection)


if __name__ == "__main__":
    main()
