"""What the copies of both kinds of database share: how a file is written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BEGINNINGS = {b"SQLite format 3\0": "SQLite", b"PGDMP": "PostgreSQL"}  # of the files


class CopyError(Exception):
    """A copy can't be made or put back. The message says why, and what to do."""


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield the name of an empty file to write to, which only its owner may read. At the end it becomes ``path``.

    If the block fails, there is no file.

    Raises:
        CopyError: The file can't be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
        _sync(part)
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise CopyError(f"{path} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def check_kind(path: Path, kind: str) -> None:
    """Check that there is a file, and that it isn't a copy of the other kind of database.

    Raises:
        CopyError: It is, or it can't be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(max(map(len, BEGINNINGS)))
    except FileNotFoundError:
        raise CopyError(f"There is no file {path}.") from None
    except OSError as error:
        raise CopyError(f"{path} can't be read: {error.strerror}.") from None
    for text, found in BEGINNINGS.items():
        if beginning.startswith(text) and found != kind:
            way = " flask import-sqlite brings it into PostgreSQL." if found == "SQLite" else ""
            raise CopyError(f"{path} is a copy of {found}, and a database of {kind} is needed here.{way}")


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
