"""The worker process, ``python -m jobs.worker``: an RQ worker that runs ``deliver`` jobs in the app's context."""

from webhooks_ui.stop_signals import end_start_quietly

if __name__ == "__main__":
    end_start_quietly()

import gc
import logging
import os
import resource
from types import FrameType

from sqlalchemy import Engine, event

from jobs import deliver
from jobs.rq_worker import Worker, make_app, parse_arguments, work
from webhooks_ui import tracing
from webhooks_ui.database import db, dialect
from webhooks_ui.memory import return_memory
from webhooks_ui.models import ProcessKind
from webhooks_ui.wake import QUEUE


class DeliveryWorker(Worker):
    """An RQ worker whose stop request also ends the drain that is running."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        deliver.stopping.set()
        super().request_stop(signum, frame)


def main() -> None:
    """Work until SIGTERM or SIGINT. Then finish what is in flight and give back the other leases."""
    _allow_open_files()
    return_memory()
    app = make_app(ProcessKind.WORKER)
    gc.freeze()  # the loaded code is no garbage, and need not be looked through again and again
    with app.app_context():
        prepare_connections(db.engine)
        work(app, DeliveryWorker, QUEUE)
    app.extensions["pulse"].stop()
    tracing.stop()
    logging.shutdown()
    os._exit(0)  # don't wait for the threads: nobody needs their work any more


def _allow_open_files() -> None:
    """Raise the limit of open files to what the system allows. Each request and each kept connection needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def prepare_connections(engine: Engine) -> None:
    """Prepare each new connection as ``Dialect.prepare_for_worker`` says."""
    prepare = dialect(engine).prepare_for_worker
    event.listen(engine, "connect", lambda connection, _record: prepare(connection))


if __name__ == "__main__":
    parse_arguments(ProcessKind.WORKER, "Deliver events until SIGTERM or SIGINT.")
    main()
