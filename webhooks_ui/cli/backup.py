"""``flask backup`` and ``flask restore``: copies of the database, made while it is in use, and the way back."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import Engine, delete, inspect, select

from webhooks_ui import private_files
from webhooks_ui.checks import Trouble, ready, revisions
from webhooks_ui.cli.group import OneLine, plural
from webhooks_ui.database import db, dialect, write_transaction
from webhooks_ui.database.copies import CopyError
from webhooks_ui.models import Process, utcnow
from webhooks_ui.models.process import ALIVE, is_alive

NAME = "webhooks-"
KEYS = {"secret_key": "SECRET_KEY", "encryption_keys": "ENCRYPTION_KEYS"}  # as the first run keeps them


@click.command(cls=OneLine)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--keep", type=click.IntRange(1), help="Delete older backups in FOLDER, but for so many.")
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write SECRET_KEY and ENCRYPTION_KEYS, into this other folder.",
)
def backup(folder: Path, keep: int | None, keys: Path | None) -> None:
    """Copy the database into a new file in FOLDER, while the service runs.

    The copy holds no key. Without ENCRYPTION_KEYS nobody can use the signing secrets in it, and neither can you: keep
    the keys, but elsewhere. Redis needs no backup, because it only wakes workers.
    """
    if keys and _lie_together(folder, keys):
        raise click.UsageError("The keys must not be in the folder of the backup, or whoever finds it can read all.")
    _make_folder(folder)
    if keys:
        _write_keys(keys)
    path = folder / _new_name()
    try:
        dialect(db.engine).make_copy(db.engine, path, _tables_to_copy())
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The database is copied to {path} ({path.stat().st_size:,} bytes).")
    if keys:
        click.echo(f"The keys are in {keys}. Keep them apart from the backup.")
    else:
        click.echo("The keys are not in it. Keep ENCRYPTION_KEYS and SECRET_KEY elsewhere.")
    if keep:
        for old in sorted(folder.glob(f"{NAME}*{dialect(db.engine).COPY_ENDING}"))[:-keep]:
            _delete(old)


@click.command(cls=OneLine)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Don't ask.")
def restore(file: Path, yes: bool) -> None:
    """Replace everything in the database by the backup FILE.

    Stop web servers, workers and scheduler before. What the database holds now is first copied into the folder of FILE.
    Afterwards the tables are brought to this version.
    """
    own = dialect(db.engine)
    try:
        own.check_copy(file)
        if _has_tables():
            refuse_while_in_use(db.engine)
        if not yes:
            click.confirm(f"Everything in the database is replaced by {file}. Go on?", abort=True)
        before = _copy_before(file.parent)
        own.put_back(db.engine, file, before, _tables())
        if trouble := _bring_up_to_date():
            if before:
                own.put_back(db.engine, before, None, _tables())
            raise CopyError(f"{trouble.sentence} {trouble.advice} The database is as it was.")
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    with write_transaction() as connection:
        connection.execute(delete(Process))  # those that ran when the backup was made
    click.echo(f"The database is that of {file}.")
    if before:
        click.echo(f"What it held before is in {before}.")
    if lost := ready.keys():
        click.echo(f"{lost.sentence} {lost.advice}", err=True)
    click.echo("Start the service again. Deliveries that were pending in the backup are sent, perhaps again.")


def _new_name(prefix: str = NAME) -> str:
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S_%fZ}{dialect(db.engine).COPY_ENDING}"


def _lie_together(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one == other or one in other.parents or other in one.parents


def _make_folder(folder: Path) -> None:
    try:
        private_files.make_folder(folder)
    except OSError as error:
        raise click.ClickException(f"The folder {folder} can't be made: {error.strerror}.") from None


def _delete(old: Path) -> None:
    try:
        old.unlink()
    except OSError as error:
        raise click.ClickException(f"The older backup {old} can't be deleted: {error.strerror}.") from None


def _write_keys(folder: Path) -> None:
    """Write the keys into files that only their owner may read, as the first run keeps them in the instance folder."""
    _make_folder(folder)
    for name, setting in KEYS.items():
        value = current_app.config[setting]
        text = value if isinstance(value, str) else ",".join(value)
        try:
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
        except OSError as error:
            raise click.ClickException(f"{folder / name} can't be written: {error.strerror}.") from None


def _has_tables() -> bool:
    file = dialect(db.engine).data_file(db.engine)
    return (file is None or file.exists()) and inspect(db.engine).has_table("alembic_version")


def refuse_while_in_use(engine: Engine) -> None:
    """Raise if a process has sent a heartbeat to a database lately.

    Raises:
        CopyError: The message names the processes.
    """
    if not inspect(engine).has_table(Process.__tablename__):
        return
    with engine.connect() as connection:
        rows = connection.execute(select(Process.kind, Process.pid, Process.host).where(is_alive(utcnow()))).all()
    if rows:
        running = ", ".join(f"{row.kind} {row.pid} on {row.host}" for row in rows)
        raise CopyError(
            f"{plural(len(rows), 'process', 'processes')} of the service run: {running}. "
            f"Stop them, wait {ALIVE.seconds} seconds, and run this again."
        )


def _copy_before(folder: Path) -> Path | None:
    """Copy what the database holds now. Return the path of the copy, or ``None`` if it holds nothing."""
    if not _has_tables():
        return None
    path = folder / _new_name("before-restore-")
    dialect(db.engine).make_copy(db.engine, path, _tables_to_copy())
    return path


def _tables() -> list[str]:
    return sorted({*db.metadata.tables, "alembic_version"})


def _tables_to_copy() -> list[str]:
    """Return the names of our tables, or none in the middle of an upgrade: a newer version may have added some."""
    return [] if _has_tables() and revisions.newer(revisions.present()) else _tables()


def _bring_up_to_date() -> Trouble | None:
    """Run the migrations that are missing. Return the trouble if the backup is of a newer version."""
    if trouble := revisions.newer(revisions.present()):
        return trouble
    upgrade()
    return ready.migrations()
