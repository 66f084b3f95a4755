"""The checks of ``/readyz``, one function each. To add one, write a function, and put it into ``CHECKS``.

Everybody may read their sentences, so they name no host, file, user or secret. Their advice may.
"""

import os
import shutil
from datetime import timedelta

from flask import current_app
from redis import Redis, RedisError
from redis.exceptions import ClusterCrossSlotError, MovedError, NoPermissionError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as NoAnswerError
from sqlalchemy import func, select, text

from webhooks_ui import counting, wake
from webhooks_ui.checks import Check, Level, Part, Trouble, revisions
from webhooks_ui.database import db, dialect
from webhooks_ui.deliveries.backlog import oldest_due_seconds
from webhooks_ui.models import Process, ProcessKind, Webhook, secret_box, utcnow
from webhooks_ui.models.process import BEAT_SECONDS, is_alive
from webhooks_ui.models.webhook_state import IS_LIVE
from webhooks_ui.webhooks.unreadable import lost_parts

HEARTBEAT_COUNTS_SECONDS = 2 * BEAT_SECONDS  # as a proof that the database takes writes
LOCK_SECONDS = 3.0  # how long a check waits until it calls the database locked
DISK_LEAST_BYTES = 16 * 1024 * 1024
LATE_SECONDS = 10.0  # what is due for longer should have been sent
SWEPT_WITHIN = timedelta(seconds=60)  # the sweep runs every two seconds, but long chores may delay it
SECRETS_LOOKED_AT = 500  # of the newest webhooks
SUSPENDED_KEY = "rq:suspended"  # set by ``rq suspend``
REDIS_KEY = "webhooks:check"
REDIS_RIGHTS = "Its user needs all keys, channels and scripts: ACL SETUSER NAME ~* &* +@all -@admin -@dangerous +info"
REDIS_ALONE = "It is a cluster, which RQ can't use. Lead REDIS_URL to a Redis or Valkey without cluster mode."
REDIS_ELSEWHERE = "Check that it runs, and that REDIS_URL leads to it, with the right password."
REDIS_EMBEDDED = "It is the embedded one, which starts with make run. To use another one, set REDIS_URL."


def database() -> Trouble | None:
    """Find out whether the database answers."""
    file = dialect(db.engine).data_file(db.engine)
    if file and not file.exists():
        advice = (
            f"{file} doesn't exist. Put it back, or restore a backup, and restart all processes. "
            "On a new installation, run: .venv/bin/flask db upgrade"
        )
        return Trouble(Level.FAILED, "The file of the database is gone.", advice)
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return None


def migrations() -> Trouble | None:
    """Find out whether the database has the tables of this version."""
    present, newest = revisions.present(), revisions.known()[-1]
    if present == newest:
        return None
    if trouble := revisions.newer(present):
        return trouble
    advice = f"Its revision is {present or 'none'}, and this version needs {newest}. Run: .venv/bin/flask db upgrade"
    return Trouble(Level.FAILED, "The database is not migrated.", advice)


def writing() -> Trouble | None:
    """Write to the database, and so find out whether it is read-only, locked, or on a full disk.

    A heartbeat that this process has just written is as good. Under load another write could wait for long.
    """
    file = dialect(db.engine).data_file(db.engine)
    if file and not os.access(file, os.W_OK):  # a connection from before might still write
        return Trouble(Level.FAILED, "The database is read-only.", f"Let this user write to {file}.")
    pulse = current_app.extensions.get("pulse")
    if pulse and pulse.wrote_within(HEARTBEAT_COUNTS_SECONDS):
        return None
    with dialect(db.engine).brief_write(db.engine, LOCK_SECONDS) as connection:
        counting.store(connection, {("webhooks_write_checks", counting.key_of(())): 1.0})
    return None


def disk() -> Trouble | None:
    """Find out whether the disk of an embedded database has room."""
    file = dialect(db.engine).data_file(db.engine)
    free = shutil.disk_usage(file.parent).free if file else DISK_LEAST_BYTES
    if not file or free >= DISK_LEAST_BYTES:
        return None
    left = f"{free // 1024:,} KiB are left in {file.parent}. Make room. No restart is needed."
    return Trouble(Level.FAILED, "The disk of the database is full.", left)


def keys() -> Trouble | None:
    """Find out whether ENCRYPTION_KEYS decrypt what is encrypted of the newest webhooks: secrets, and options."""
    options = Webhook.headers, Webhook.auth, Webhook.client_certificate
    query = select(Webhook.id, Webhook.secret_encrypted, *options).where(IS_LIVE).order_by(Webhook.id.desc())
    with db.engine.connect() as connection:
        rows = connection.execute(query.limit(SECRETS_LOOKED_AT)).all()
    lost = [row.id for row in rows if not secret_box.is_readable(row.secret_encrypted)]
    if not lost:
        return _lost_options({row.id: lost_parts(row.headers, row.auth, row.client_certificate) for row in rows})
    if len(lost) == len(rows):
        advice = "Put the keys that encrypted them back into ENCRYPTION_KEYS, and restart all processes."
        return Trouble(Level.FAILED, "No signing secret can be decrypted. The keys are lost or wrong.", advice)
    who = f"{len(lost)} signing secret{'s' * (len(lost) > 1)} can't be decrypted."
    named = ", ".join(map(str, lost[:10]))
    return Trouble(Level.DEGRADED, who, f"Generate new ones. The webhooks have the ids {named}.")


def _lost_options(parts: dict[int, list[str]]) -> Trouble | None:
    """Return the trouble with options that can't be decrypted. ``parts`` has the names of these for each webhook."""
    lost = {id: names for id, names in parts.items() if names}
    if not lost:
        return None
    kinds = sorted({name for names in lost.values() for name in names})
    count = f"{len(lost)} webhook{'s' * (len(lost) > 1)}"
    sentence = f"Options of {count} can't be decrypted, so nothing is sent to {'them' if len(lost) > 1 else 'it'}."
    named = ", ".join(map(str, list(lost)[:10]))
    return Trouble(Level.DEGRADED, sentence, f"Set anew: {', '.join(kinds)}. The webhooks have the ids {named}.")


def redis() -> Trouble | None:
    """Find out whether Redis takes writes and passes on wake-ups, and whether somebody has suspended the workers."""
    client: Redis = current_app.extensions["redis"]
    try:
        client.set(REDIS_KEY, "1", ex=10)
        wake.check(client)
        client.exists(REDIS_KEY, SUSPENDED_KEY)  # a cluster refuses two keys of different slots, which RQ needs
        suspended = client.exists(SUSPENDED_KEY)
    except RedisError as error:
        gone = "Redis can't be used, so deliveries wait. Events are accepted."
        return Trouble(Level.DEGRADED, gone, f"Redis says: {str(error).rstrip('.')}.{_redis_needs(error)}")
    if suspended:
        url = current_app.config["REDIS_URL"] if current_app.config["REDIS_EMBEDDED"] else '"$REDIS_URL"'
        advice = f"Somebody ran rq suspend. Run: .venv/bin/rq resume --url {url}"
        return Trouble(Level.FAILED, "The workers are suspended.", advice)
    return None


def _redis_needs(error: RedisError) -> str:
    match error:
        case NoPermissionError():
            return f" {REDIS_RIGHTS}"
        case ClusterCrossSlotError() | MovedError():
            return f" {REDIS_ALONE}"
        case NoConnectionError() | NoAnswerError():  # the first is also that of a wrong password
            return f" {REDIS_EMBEDDED if current_app.config['REDIS_EMBEDDED'] else REDIS_ELSEWHERE}"
    return ""


def workers() -> Trouble | None:
    """Find out whether workers send heartbeats."""
    alive, silent = _processes(ProcessKind.WORKER)
    if not alive:
        return Trouble(Level.FAILED, "No worker runs, or all of them are stopped.", _advice("worker", silent))
    if silent:
        some = f"{len(silent)} of {alive + len(silent)} workers send no heartbeat."
        return Trouble(Level.DEGRADED, some, _advice("worker", silent))
    return None


def scheduler() -> Trouble | None:
    """Find out whether a scheduler sends heartbeats."""
    alive, silent = _processes(ProcessKind.SCHEDULER)
    if alive:
        return None
    return Trouble(Level.FAILED, "No scheduler runs, or it is stopped.", _advice("scheduler", silent))


def sweeping() -> Trouble | None:
    """Find out whether a scheduler does its chores."""
    query = select(func.max(Process.progressed_at)).where(Process.kind == ProcessKind.SCHEDULER, is_alive(utcnow()))
    with db.engine.connect() as connection:
        last = connection.execute(query).scalar()
    if last is None or last > utcnow() - SWEPT_WITHIN:
        return None
    when = f"The last sweep was at {last:%Y-%m-%d %H:%M:%S} UTC."
    advice = f"{when} If Redis is well, see the scheduler's log, and restart it."
    return Trouble(Level.FAILED, "The scheduler runs, but it does no chores.", advice)


def progress() -> Trouble | None:
    """Find out whether a worker delivers what is due."""
    now = utcnow()
    query = select(func.max(Process.progressed_at)).where(Process.kind == ProcessKind.WORKER, is_alive(now))
    with db.engine.connect() as connection:
        late = oldest_due_seconds(connection, now)
        last = connection.execute(query).scalar() if late > LATE_SECONDS else None
    if last is None or last > now - timedelta(seconds=LATE_SECONDS):
        return None  # that no worker runs is told by another check
    since = f"The oldest delivery has been due for {late:.0f} seconds."
    advice = f"{since} If Redis is well, see the workers' log, and restart them."
    return Trouble(Level.FAILED, "Deliveries are due, but no worker delivers.", advice)


CHECKS = (
    Check("database", database),
    Check("migrations", migrations, needs=("database",)),
    Check("writing", writing, needs=("database", "migrations")),
    Check("disk", disk),
    Check("keys", keys, frozenset({Part.DELIVERING}), needs=("database", "migrations")),
    Check("redis", redis, frozenset({Part.DELIVERING})),
    Check("workers", workers, frozenset({Part.DELIVERING}), needs=("database", "migrations", "writing")),
    Check("scheduler", scheduler, frozenset({Part.DELIVERING}), needs=("database", "migrations", "writing")),
    Check("sweeping", sweeping, frozenset({Part.DELIVERING}), needs=("scheduler",)),
    Check("progress", progress, frozenset({Part.DELIVERING}), needs=("scheduler",)),
)


def _processes(kind: ProcessKind) -> tuple[int, list[str]]:
    """Return how many processes of ``kind`` are alive, and the names of those that are silent."""
    columns = Process.id, Process.pid, Process.host, is_alive(utcnow()).label("beats")
    with db.engine.connect() as connection:
        rows = connection.execute(select(*columns).where(Process.kind == kind).order_by(Process.started_at)).all()
    silent = [f"{row.id} (process {row.pid} on {row.host})" for row in rows if not row.beats]
    return len(rows) - len(silent), silent


def _advice(kind: str, silent: list[str]) -> str:
    if not silent:
        return f"Start one: python -m jobs.{kind}"
    return f"These send no heartbeat: {', '.join(silent)}. Continue, restart or end them."
