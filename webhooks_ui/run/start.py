"""``make run``: prepares the database and the configuration, then becomes the keeper.

Run ``python -m webhooks_ui.run.start [--demo]``.
"""

from webhooks_ui.stop_signals import end_start_quietly, stop_signals

if __name__ == "__main__":
    end_start_quietly()

import argparse
import fcntl
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from config import ROOT, ConfigError, load
from webhooks_ui import private_files
from webhooks_ui.configuration.addresses import http_address
from webhooks_ui.instance_folder import make_folder
from webhooks_ui.run import redis_server
from webhooks_ui.run.addresses import check_port
from webhooks_ui.run.programs import DEFAULT
from webhooks_ui.run.say import say


def main() -> None:
    """Check the settings, migrate, make the first admin, print the address, and run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make run", description="Run the whole product on this machine.")
    parser.add_argument("--demo", action="store_true", help="Add sample webhooks, receivers and a stream of events.")
    demo = parser.parse_args().demo
    os.umask(private_files.UMASK)  # for all files that we and our processes make
    if demo:
        os.environ.setdefault("INSTANCE_PATH", str(ROOT / "instance" / "demo"))
    try:
        settings = load()
        lock = only_one(settings["INSTANCE_PATH"])
        check_port(settings["HOST"], settings["PORT"])
        if settings["REDIS_EMBEDDED"]:
            redis_server.executable()  # fails now, before anything is printed, if there is none
        password = prepare(settings)
    except DatabaseError as error:
        from webhooks_ui.cli.group import unusable

        sys.exit(f"Can't start. {unusable(error)}")
    except (ConfigError, SQLAlchemyError, OSError) as error:
        sys.exit(f"Can't start: {str(error).splitlines()[0]}")
    say(f"KeyManager Webhooks starts at {http_address(settings['HOST'], settings['PORT'])}/")
    if password:
        say(f"Sign in as {settings['ADMIN_EMAIL']} with the password {password} (shown only this once).")
    say("Press Ctrl-C to stop.")
    names = [*(("redis",) if settings["REDIS_EMBEDDED"] else ()), *DEFAULT, *(("demo",) if demo else ())]
    os.set_inheritable(lock, True)
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())  # until the keeper can handle them
    os.execv(sys.executable, [sys.executable, "-m", "webhooks_ui.run.keeper", *names])  # noqa: S606


def only_one(instance: Path) -> int:
    """Lock the instance folder. Return a file descriptor that holds the lock as long as it is open.

    Raises:
        ConfigError: Another ``make run`` uses the folder, or the folder can't be written to.
    """
    make_folder(instance)
    try:
        lock = os.open(instance / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(
            f"the folder {instance} can't be written to ({error.strerror}). Set INSTANCE_PATH to another folder."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ConfigError(
            f"it already runs in {instance}. Stop that one first, or set INSTANCE_PATH to another folder."
        ) from None
    return lock


def prepare(settings: dict[str, Any]) -> str | None:
    """Migrate the database and make the first super admin. Return the admin's password if it was generated.

    Say so if a database that is ready takes no writes, such as a standby.

    Raises:
        ConfigError: The database is of a newer version, or ENCRYPTION_KEYS can't decrypt what it keeps.
    """
    from flask_migrate import upgrade

    from webhooks_ui import create_app
    from webhooks_ui.checks import Check, ready, revisions, run
    from webhooks_ui.database import db, writing
    from webhooks_ui.models import Role, User
    from webhooks_ui.models.key_check import check_keys
    from webhooks_ui.people import accounts

    app = create_app(settings)
    with app.app_context():
        if trouble := revisions.newer(revisions.present()):
            raise ConfigError(f"{trouble.sentence} {trouble.advice}")
        upgrade()
        check_keys()
        if db.session.scalar(db.select(User.id).limit(1)) is not None:
            if trouble := run(Check("writing", ready.writing)):
                say(f"{trouble.sentence} Nothing can be published, delivered or changed until it takes writes.")
            return None
        password = settings["ADMIN_PASSWORD"] or secrets.token_urlsafe(12)
        with writing():
            accounts.create(settings["ADMIN_EMAIL"], Role.SUPER_ADMIN, password)
    return None if settings["ADMIN_PASSWORD"] else password


if __name__ == "__main__":
    main()
