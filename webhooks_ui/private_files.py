"""Keeps files from the other users of the machine: folders get the mode 0700, files and sockets 0600.

SQLite gives its -wal and -shm files the mode of the database. The supervisor's processes have the umask 077.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

UMASK = 0o077
FOR_OTHERS = 0o077  # the rights that nobody but the owner may have

logger = logging.getLogger(__name__)


class NotPrivate(Exception):
    """A folder is not, or can't be, for us alone. The message is a sentence."""


def make_folder(folder: Path) -> None:
    """Create ``folder`` for us alone, unless it exists.

    Raises:
        OSError: It can't be created, for example because a file has its name.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def tighten(folder: Path) -> None:
    """Take the rights of other users off ``folder`` and everything in it, if it exists.

    A file of another owner can't be changed. A warning names the first one, because a mounted volume may be like that.

    Raises:
        NotPrivate: Other programs use the folder, too. Taking rights off it could break them.
    """
    if not folder.is_dir():
        return
    if folder.stat().st_mode & stat.S_ISVTX or folder == Path(folder.anchor):
        raise NotPrivate(f"{folder} is a folder that other programs use, too.")
    refused = ""
    for path in _all_in(folder):
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & FOR_OTHERS:
                path.chmod(mode & ~FOR_OTHERS)
        except FileNotFoundError:
            continue  # another process removed it meanwhile
        except OSError as error:
            refused = refused or f"{path}: its mode can't be changed ({error.strerror})"
    if refused:
        logger.warning("Other users may read %s.", refused)


def _all_in(folder: Path) -> Iterator[Path]:
    """Yield ``folder`` and all files and folders in it, but no symbolic links.

    A home folder also holds what isn't ours, so that its content is left alone. Nobody else can enter it.
    """
    yield folder
    if str(folder) == os.path.expanduser("~"):  # noqa: PTH111 (Path fails for a user without a home)
        return
    for root, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if not (path := Path(root, name)).is_symlink())


def make_short_folder(folder: Path, owner: int) -> None:
    """Create ``folder``, in a folder that all users share, or check that it is ours.

    Args:
        owner: the id of the user who may have made it, beside the present one.

    Raises:
        NotPrivate: Somebody else made it, or may enter it.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner) or found.st_mode & FOR_OTHERS:
        raise NotPrivate(f"Somebody else made {folder}, or may enter it.")


def create_file(path: str) -> None:
    """Create an empty file for us alone, unless it exists. Leave errors to whoever opens it.

    A file that exists is not opened: whoever closes a file gives up all locks that the process has on it, also those of
    SQLite (fcntl(2)). Then another process deletes the write-ahead log that this one still writes to.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
