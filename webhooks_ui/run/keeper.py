"""Keeps the supervisor alive, as the supervisor keeps the rest alive. Small, for it stays in memory.

``python -m webhooks_ui.run.keeper supervisord.conf``
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from webhooks_ui.die_with_parent import SUPERVISOR, die_with_parent

RESTART_SECONDS = 1.0


def main() -> None:
    """Run supervisord until SIGINT or SIGTERM. Start it again if it dies otherwise."""
    stopping = False
    child: subprocess.Popen[bytes] | None = None
    keeper = os.getpid()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        if child:
            child.send_signal(signal.SIGTERM)

    def become_supervisor() -> None:
        """Run in the child, which becomes supervisord: its id is what the processes below it compare with."""
        die_with_parent(keeper)
        os.environ[SUPERVISOR] = str(os.getpid())

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", sys.argv[1]]
    while not stopping:
        child = subprocess.Popen(command, preexec_fn=become_supervisor, start_new_session=True)  # noqa: S603
        child.wait()
        if not stopping:
            print("The supervisor died; starting it again.", file=sys.stderr, flush=True)
            time.sleep(RESTART_SECONDS)


if __name__ == "__main__":
    main()
