"""What the copies of both kinds of database share: how a file is written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
