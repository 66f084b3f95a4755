"""The scheduler process, ``python -m jobs.scheduler``: RQ's cron enqueues chores, and an RQ worker does them.

Chores are all jobs that don't deliver: sweep, bulk actions, notices by mail, purge. They have a worker of their own.
So chores don't delay deliveries, and a backlog of deliveries doesn't delay chores.
"""

from webhooks_ui.stop_signals import end_start_quietly

if __name__ == "__main__":
    end_start_quietly()

import logging
import os
import threading
import time
from collections.abc import Callable

from redis import Redis, RedisError
from rq import Queue
from rq.cron import CronJob, CronScheduler
from rq.utils import now

from jobs.bulk_actions.batches import RESUME_SECONDS, resume
from jobs.chores.check_certificates import CHECK_CERTIFICATES_SECONDS, check_certificates
from jobs.chores.check_secrets import CHECK_SECRETS_SECONDS, check_secrets
from jobs.chores.count_types import COUNT_TYPES_SECONDS, count_types
from jobs.chores.end_inspectors import END_INSPECTORS_SECONDS, end_inspectors
from jobs.chores.forget_statistics import FORGET_STATISTICS_SECONDS, forget_statistics
from jobs.chores.index_keys import INDEX_KEYS_SECONDS, index_keys
from jobs.chores.notify import NOTIFY_SECONDS, notify
from jobs.chores.purge import purge_daily
from jobs.chores.reclaim import RECLAIM_SECONDS, reclaim
from jobs.chores.summarize import SUMMARIZE_SECONDS, summarize
from jobs.rq_worker import Worker, make_app, parse_arguments, work
from jobs.sweep import SWEEP_SECONDS, sweep
from webhooks_ui import logs
from webhooks_ui.database.redis import ANONYMOUS, PAUSE_SECONDS, wait_for_redis
from webhooks_ui.models import ProcessKind
from webhooks_ui.wake import CHORES, KEPT_FOR

CHORES_EVERY: tuple[tuple[Callable[[], None], int], ...] = (
    (resume, RESUME_SECONDS),
    (check_secrets, CHECK_SECRETS_SECONDS),
    (check_certificates, CHECK_CERTIFICATES_SECONDS),
    (index_keys, INDEX_KEYS_SECONDS),
    (notify, NOTIFY_SECONDS),
    (summarize, SUMMARIZE_SECONDS),
    (count_types, COUNT_TYPES_SECONDS),
    (forget_statistics, FORGET_STATISTICS_SECONDS),
    (reclaim, RECLAIM_SECONDS),
    (end_inspectors, END_INSPECTORS_SECONDS),
)
PURGE_CRON = "0 2 * * *"  # daily at 02:00 UTC

logger = logging.getLogger(__name__)


class Cron(CronScheduler):
    """RQ's cron for use in a thread. It goes on when the clock is set back."""

    def _install_signal_handlers(self) -> None:
        """Do nothing. The worker in the main thread handles the signals."""

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue the jobs that are due.

        If the clock was set back, the last run of a job may lie in the future. Its interval then begins now.
        """
        for job in self.get_jobs():
            if job.latest_enqueue_time and job.latest_enqueue_time > now():
                job.set_enqueue_time(now())
        return super().enqueue_jobs()

    def calculate_sleep_interval(self) -> float:
        """Return the seconds until the next check. They are few, so that a change of the clock is noticed soon."""
        return float(min(super().calculate_sleep_interval(), SWEEP_SECONDS))


def make_cron(redis: Redis) -> Cron:
    """Return the schedule of all chores."""
    cron = Cron(redis, logging_level="WARNING")
    cron.register(sweep, CHORES, interval=SWEEP_SECONDS, ttl=5 * SWEEP_SECONDS, **KEPT_FOR)
    for chore, seconds in CHORES_EVERY:
        cron.register(chore, CHORES, interval=seconds, ttl=seconds, **KEPT_FOR)
    cron.register(purge_daily, CHORES, cron=PURGE_CRON, **KEPT_FOR)
    return cron


def ask_for_chores(redis: Redis) -> None:
    """Run the schedule for ever. Start it again after each outage of Redis, and after any other error.

    Ask for one purge at once. The daily one is lost if nothing runs at that time, as on machines that are off at night.
    """
    trouble = logs.Seldom(logger)
    asks_for_purge = True
    while True:
        wait_for_redis(redis)
        try:
            if asks_for_purge:
                Queue(CHORES, connection=redis).enqueue(purge_daily, **KEPT_FOR)
                asks_for_purge = False
            make_cron(redis).start()  # type: ignore[no-untyped-call]
        except RedisError as error:
            trouble.say("Chores can't be scheduled, trying again: %s", error)
        except Exception:  # without this thread no chore would be done any more, and nobody would notice
            logger.exception("Chores can't be scheduled, trying again")
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Enqueue chores and do them until SIGTERM or SIGINT."""
    os.environ["TZ"] = "UTC"  # RQ reads cron times in the local zone
    time.tzset()
    app = make_app(ProcessKind.SCHEDULER)
    redis = Redis.from_url(app.config["REDIS_URL"], **ANONYMOUS)
    threading.Thread(target=ask_for_chores, args=(redis,), name="cron", daemon=True).start()
    with app.app_context():
        work(app, Worker, CHORES)
    app.extensions["pulse"].stop()


if __name__ == "__main__":
    parse_arguments(ProcessKind.SCHEDULER, "Plan retries, purges and other chores until SIGTERM or SIGINT.")
    main()
