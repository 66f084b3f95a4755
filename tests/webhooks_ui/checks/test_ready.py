"""What each check of ``/readyz`` finds."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import stamp
from redis import Redis
from rq.utils import get_version

import config
from tests.support.factories import make_delivery, make_process, make_webhook
from tests.support.waiting import wait_for
from webhooks_ui.checks import Check, Level, Trouble, Watch, ready, revisions, run
from webhooks_ui.database import db
from webhooks_ui.database import redis as redis_client
from webhooks_ui.database.redis import is_reachable
from webhooks_ui.models import ProcessKind, secret_box, utcnow
from webhooks_ui.pulse import Pulse
from webhooks_ui.run import redis_server

LONG_AGO = timedelta(minutes=1)


def sentence(trouble: Trouble | None) -> str:
    assert trouble
    return trouble.sentence


def test_a_database_without_migrations_is_told_from_one_of_a_newer_version(app: Flask) -> None:
    found = ready.migrations()
    assert (sentence(found), found and found.level) == ("The database is not migrated.", Level.FAILED)
    assert found
    assert "flask db upgrade" in found.advice
    stamp()
    assert ready.migrations() is None
    with db.engine.begin() as connection:
        connection.execution_options(writes=True).exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = ready.migrations()
    assert (sentence(found), found and found.level) == ("The database was migrated by a newer version.", Level.DEGRADED)


def test_an_older_revision_asks_for_an_upgrade(app: Flask) -> None:
    stamp(revision="0004")
    assert sentence(ready.migrations()) == "The database is not migrated."


def test_a_database_that_takes_writes_has_no_trouble(app: Flask) -> None:
    assert ready.database() is None
    assert ready.writing() is None
    assert ready.disk() is None


def test_a_missing_file_of_the_database_is_lost_or_not_made_yet(app: Flask) -> None:
    db.engine.dispose()
    Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")).unlink()
    found = ready.database()
    assert found
    assert "restore a backup" in found.advice
    assert found.advice.endswith("On a new installation, run: .venv/bin/flask db upgrade")


def test_a_fresh_heartbeat_proves_that_the_database_takes_writes(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a check that waits in vain among busy writers would say that the database is locked."""
    pulse = app.extensions["pulse"] = Pulse(app, ProcessKind.WEB)
    pulse.start()
    wait_for(lambda: pulse.wrote_within(60))
    with closing(sqlite3.connect(tmp_path / "webhooks.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ready.writing() is None
        monkeypatch.setattr(ready, "HEARTBEAT_COUNTS_SECONDS", 0)
        monkeypatch.setattr(ready, "LOCK_SECONDS", 0.1)
        assert sentence(run(Check("writing", ready.writing))).startswith("The database is locked")
    pulse.stop()


def test_a_full_disk_is_told_before_a_write_fails(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "DISK_LEAST_BYTES", 2**62)
    assert sentence(ready.disk()) == "The disk of the database is full."


def test_lost_keys_fail_and_a_single_lost_secret_degrades(app: Flask) -> None:
    assert ready.keys() is None  # there is no webhook yet
    make_webhook()
    lost = make_webhook()
    assert ready.keys() is None
    lost.secret_encrypted = Fernet(Fernet.generate_key()).encrypt(b"whsec_other").decode()
    db.session.commit()
    found = ready.keys()
    assert found
    assert (found.level, found.sentence) == (Level.DEGRADED, "1 signing secret can't be decrypted.")
    assert str(lost.id) in found.advice
    app.config["ENCRYPTION_KEYS"] = [Fernet.generate_key().decode()]
    found = ready.keys()
    assert found
    assert (found.level, found.sentence) == (
        Level.FAILED,
        "No signing secret can be decrypted. The keys are lost or wrong.",
    )


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"headers": [{"name": "X-Tenant", "value_encrypted": "lost"}]}, "headers"),
        ({"auth": {"kind": "bearer", "username": "", "secret_encrypted": "lost"}}, "credentials"),
        (
            {
                "client_certificate": {
                    "certificate_encrypted": "lost",
                    "key_encrypted": "lost",
                    "subject": "CN=emea",
                    "issuer": "CN=ca",
                    "is_for_clients": True,
                    "starts_at": "2026-01-01T00:00:00+00:00",
                    "ends_at": "2046-01-01T00:00:00+00:00",
                }
            },
            "client certificate",
        ),
    ],
)
def test_options_that_are_lost_degrade(app: Flask, option: dict[str, Any], name: str) -> None:
    make_webhook(headers=[{"name": "X-Tenant", "value_encrypted": secret_box.encrypt("emea")}])
    assert ready.keys() is None
    lost = make_webhook(**option)
    found = ready.keys()
    assert found
    sentence = "Options of 1 webhook can't be decrypted, so nothing is sent to it."
    assert (found.level, found.sentence) == (Level.DEGRADED, sentence)
    assert found.advice == f"Set anew: {name}. The webhooks have the ids {lost.id}."
    lost.deleted_at = utcnow()
    db.session.commit()
    assert ready.keys() is None


def test_the_secret_of_a_deleted_webhook_does_not_matter(app: Flask) -> None:
    make_webhook(deleted_at=utcnow()).secret_encrypted = "nonsense"
    db.session.commit()
    assert ready.keys() is None


def test_workers_fail_if_none_sends_heartbeats_and_degrade_if_some_do(app: Flask) -> None:
    assert sentence(ready.workers()) == "No worker runs, or all of them are stopped."
    make_process("worker", id="silent", beat_at=utcnow() - LONG_AGO)
    found = ready.workers()
    assert found
    assert found.level is Level.FAILED
    assert "silent (process 4711 on here.example.com)" in found.advice
    make_process("worker")
    found = ready.workers()
    assert found
    assert (found.level, found.sentence) == (Level.DEGRADED, "1 of 2 workers send no heartbeat.")


def test_a_heartbeat_from_a_clock_that_was_set_back_does_not_count_for_ever(app: Flask) -> None:
    make_process("worker", beat_at=utcnow() + timedelta(hours=1))
    assert sentence(ready.workers()) == "No worker runs, or all of them are stopped."


def test_a_scheduler_must_send_heartbeats_and_sweep(app: Flask) -> None:
    assert sentence(ready.scheduler()) == "No scheduler runs, or it is stopped."
    assert ready.sweeping() is None  # another check tells that
    process = make_process("scheduler", progressed_at=utcnow() - timedelta(minutes=2))
    assert ready.scheduler() is None
    assert sentence(ready.sweeping()) == "The scheduler runs, but it does no chores."
    process.progressed_at = utcnow()
    db.session.commit()
    assert ready.sweeping() is None


@pytest.mark.parametrize(
    ("due", "progressed", "fails"),
    [
        (timedelta(seconds=30), timedelta(seconds=30), True),
        (timedelta(seconds=30), timedelta(seconds=2), False),  # a backlog, but a worker delivers
        (timedelta(seconds=5), timedelta(hours=1), False),  # just due, after an hour of silence
    ],
)
def test_no_progress_fails_only_if_something_has_been_due(
    app: Flask, due: timedelta, progressed: timedelta, fails: bool
) -> None:
    make_process("worker", progressed_at=utcnow() - progressed)
    make_delivery(due_at=utcnow() - due)
    assert (ready.progress() is not None) is fails


@pytest.mark.parametrize(
    "held",
    [
        {"throttled_until": timedelta(minutes=1)},
        {"paced_until": timedelta(seconds=-1)},
        {"breaker_opened_at": timedelta(minutes=-5)},
    ],
)
def test_what_a_webhook_holds_back_is_not_late(app: Flask, held: dict[str, timedelta]) -> None:
    make_process("worker", progressed_at=utcnow() - LONG_AGO)
    make_delivery(make_webhook(**{name: utcnow() + at for name, at in held.items()}), due_at=utcnow() - LONG_AGO)
    assert ready.progress() is None


def test_what_waits_for_an_earlier_delivery_or_an_inactive_webhook_is_not_late(app: Flask) -> None:
    make_process("worker", progressed_at=utcnow() - LONG_AGO)
    in_order = make_webhook(in_order=True)
    make_delivery(in_order, in_order=True, due_at=utcnow() + LONG_AGO)
    make_delivery(in_order, in_order=True, due_at=utcnow() - LONG_AGO)
    make_delivery(due_at=utcnow() - LONG_AGO).webhook.active = False
    db.session.commit()
    assert ready.progress() is None


def test_an_outage_of_redis_fails_as_soon_as_something_is_due_and_stays(app: Flask, tmp_path: Path) -> None:
    """Redis being away stops nothing while nothing is due. Otherwise deliveries wait."""
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))
    stamp()
    make_process("worker", progressed_at=utcnow() - LONG_AGO)
    make_process("scheduler")
    found = {name: trouble.level for name, trouble in Watch(app, ready.CHECKS).look().items() if trouble}
    assert found == {"redis": Level.DEGRADED}
    make_delivery(due_at=utcnow() - LONG_AGO)
    found = {name: trouble.level for name, trouble in Watch(app, ready.CHECKS).look().items() if trouble}
    assert found == {"redis": Level.DEGRADED, "progress": Level.FAILED}


def test_suspended_workers_fail(app: Flask) -> None:
    assert ready.redis() is None
    app.extensions["redis"].set(ready.SUSPENDED_KEY, 1)
    found = ready.redis()
    assert found
    assert (found.level, found.sentence) == (Level.FAILED, "The workers are suspended.")


@pytest.mark.parametrize("embedded", [True, False])
def test_the_advice_about_suspended_workers_lets_them_go_on(app: Flask, *, embedded: bool) -> None:
    app.config["REDIS_EMBEDDED"] = embedded
    app.extensions["redis"].set(ready.SUSPENDED_KEY, 1)
    found = ready.redis()
    assert found
    command = found.advice.partition("Run: ")[2].replace(".venv/bin/rq", str(Path(sys.executable).with_name("rq")))
    settings = {"PATH": os.environ["PATH"], "REDIS_URL": app.config["REDIS_URL"]}
    subprocess.run(["/bin/sh", "-c", command], env=settings, check=True, capture_output=True)
    assert ready.redis() is None


@pytest.mark.parametrize(("is_embedded", "advice"), [(True, ready.REDIS_EMBEDDED), (False, ready.REDIS_ELSEWHERE)])
def test_a_redis_that_does_not_answer_leads_to_its_setting(
    app: Flask, tmp_path: Path, is_embedded: bool, advice: str
) -> None:
    app.config["REDIS_EMBEDDED"] = is_embedded
    redis_client.use(app, redis_client.connect(f"unix://{tmp_path / 'nobody.sock'}"))
    found = ready.redis()
    assert found
    assert (
        found.advice
        == f"Redis says: Error 2 connecting to {tmp_path / 'nobody.sock'}. No such file or directory. {advice}"
    )


def test_a_redis_that_refuses_writes_degrades(app: Flask) -> None:
    redis: Redis = app.extensions["redis"]
    redis.config_set("maxmemory", "1")
    try:
        found = ready.redis()
    finally:
        redis.config_set("maxmemory", "0")
    assert found
    assert found.level is Level.DEGRADED
    assert "memory" in found.advice


@pytest.mark.parametrize(("commands", "channels"), [(["+@all"], []), (["+@all", "-@scripting"], ["*"])])
def test_a_user_of_redis_without_channels_or_scripts_degrades(
    app: Flask, commands: list[str], channels: list[str]
) -> None:
    """Since Redis 7, a new user may use no channel. Before, all was well, and no delivery went out."""
    redis: Redis = app.extensions["redis"]
    redis.acl_setuser(
        "narrow", enabled=True, nopass=True, keys=["*"], channels=channels, categories=commands, reset=True
    )
    path = redis.get_connection_kwargs()["path"]
    try:
        with Redis(unix_socket_path=path, username="narrow", password="any") as narrow:
            app.extensions["redis"] = narrow
            found = ready.redis()
    finally:
        redis.acl_deluser("narrow")
    assert found
    assert found.level is Level.DEGRADED
    assert "permissions" in found.advice
    assert ready.REDIS_RIGHTS in found.advice


def test_the_rights_that_are_named_are_enough(app: Flask) -> None:
    redis: Redis = app.extensions["redis"]
    _, _, command = ready.REDIS_RIGHTS.partition(": ")
    redis.execute_command(*command.replace("NAME", "narrow").split(), "on", "nopass")  # type: ignore[no-untyped-call]
    path = redis.get_connection_kwargs()["path"]
    try:
        with Redis(unix_socket_path=path, username="narrow", password="any") as narrow:
            app.extensions["redis"] = narrow
            assert ready.redis() is None
            assert get_version(narrow) >= (6, 2, 0)  # RQ asks at each job, and falls back to 5.0.9 if it may not
    finally:
        redis.acl_deluser("narrow")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Redis]:
    """A server in cluster mode that has all slots."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:  # the path of a socket is short
        path = Path(folder) / "redis.sock"
        command = [*redis_server.command(path, tmp_path), "--cluster-enabled", "yes"]
        with Redis(unix_socket_path=str(path)) as client, subprocess.Popen(command) as server:
            try:
                wait_for(lambda: is_reachable(client), what="the cluster answers")
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16_383)
                info = partial(client.execute_command, "CLUSTER INFO")
                wait_for(lambda: info()["cluster_state"] == "ok", what="the cluster has its slots")
                yield client
            finally:
                server.kill()


def test_a_cluster_degrades(app: Flask, cluster: Redis) -> None:
    """RQ's commands on two keys fail there. Before, all was well, and no delivery went out."""
    app.extensions["redis"] = cluster
    found = ready.redis()
    assert found
    assert found.level is Level.DEGRADED
    assert ready.REDIS_ALONE in found.advice


def test_each_check_says_what_it_needs_and_has_its_own_name() -> None:
    names: list[Any] = [check.name for check in ready.CHECKS]
    assert len(set(names)) == len(names)
    for check in ready.CHECKS:
        before = names[: names.index(check.name)]
        assert set(check.needs) <= set(before)
        assert check.look.__doc__


def test_the_revisions_are_those_that_alembic_finds() -> None:
    folder = config.ROOT / "webhooks_ui" / "migrations"
    scripts = ScriptDirectory(str(folder))
    known = revisions.known()
    assert known[-1] == scripts.get_current_head()
    assert set(known) == {script.revision for script in scripts.walk_revisions()}
