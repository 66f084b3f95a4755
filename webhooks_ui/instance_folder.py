"""The instance folder: the keys that a first run makes, and the socket of the embedded Redis."""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from webhooks_ui import private_files
from webhooks_ui.config_error import ConfigError

UNIX_SOCKET_PATH_MAX_BYTES = 100  # sun_path is 108 on Linux, 104 on macOS


def absolute(path: str) -> Path:
    """Return the folder that ``INSTANCE_PATH`` names, without links.

    Raises:
        ConfigError: The path is relative. Processes that start in different folders would use different data.
    """
    # A file of settings is read without a shell, which would put the home folder in place of ~
    meant = os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises an error for an unknown user
    folder = Path(os.path.realpath(meant))  # Path.resolve raises another error for links in a circle
    if not Path(path).is_absolute():
        raise ConfigError(f"INSTANCE_PATH must be an absolute path, not {path!r}. Write it as {folder}.")
    return folder


def tighten(instance: Path) -> None:
    """Take the rights of other users off ``instance`` and everything in it, if it exists.

    Raises:
        ConfigError: Other programs use the folder, too, or it can't be looked at.
    """
    try:
        private_files.tighten(instance)
    except OSError as error:
        raise _unwritable(instance, error) from error
    except private_files.NotPrivate as error:
        raise ConfigError(f"INSTANCE_PATH must name a folder of its own: {error}") from None


def stored(instance: Path, name: str, make: Callable[[], str]) -> str:
    """Return the text in a file of ``instance``. The first process stores what ``make`` returns.

    Raises:
        ConfigError: The file is empty, or the folder can't be written to.
    """
    path = instance / name
    try:
        make_folder(instance)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    except OSError as error:
        raise _unwritable(instance, error) from error
    text = path.read_text().strip()
    if not text:
        raise ConfigError(f"The file {path} is empty. Put its content back.")
    return text


def make_folder(folder: Path) -> None:
    """Create ``folder`` for us alone, unless it exists.

    Raises:
        ConfigError: The folder can't be created, for example because a file has its name.
    """
    try:
        private_files.make_folder(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"The folder {folder} can't be written to ({error.strerror}). Set INSTANCE_PATH to another folder."
    )


def redis_socket(instance: Path) -> Path:
    """Return the socket of the embedded Redis.

    It is in ``instance``. If that path is too long for a socket, it is in a folder of its own in the temporary folder,
    whose random name is kept in ``instance``.

    Raises:
        ConfigError: Somebody else made that folder, or its path is too long, too.
    """
    socket = instance / "redis.sock"
    if len(os.fsencode(socket)) <= UNIX_SOCKET_PATH_MAX_BYTES:
        return socket
    name = f"webhooks-{secrets.token_hex(8)}"
    folder = Path(stored(instance, "redis_folder", lambda: str(Path(tempfile.gettempdir()) / name)))
    socket = folder / socket.name
    if len(os.fsencode(socket)) > UNIX_SOCKET_PATH_MAX_BYTES:
        raise ConfigError(f"INSTANCE_PATH and TMPDIR are too long for a socket: {socket}. Make one of them shorter.")
    try:
        private_files.make_short_folder(folder, instance.stat().st_uid)
    except (private_files.NotPrivate, OSError) as error:
        raise ConfigError(
            f"the socket of Redis can't be in {folder}: {error} Remove {instance}/redis_folder."
        ) from None
    return socket
