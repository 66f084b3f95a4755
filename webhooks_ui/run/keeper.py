"""Restarts the supervisor if it dies. The supervisor does the same for all other processes.

Run ``python -m webhooks_ui.run.keeper supervisord.conf``. The module imports little, because it stays in memory.
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
    """Run supervisord until SIGINT, SIGTERM or SIGHUP. Start it again if it dies."""
    stopping = False
    child: subprocess.Popen[bytes] | None = None
    keeper = os.getpid()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        if child:
            child.send_signal(signal.SIGTERM)

    def become_supervisor() -> None:
        """Prepare the child process that becomes supervisord. Its children compare their parent's id with this one."""
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
            print("The supervisor died. Starting it again.", file=sys.stderr, flush=True)
            time.sleep(RESTART_SECONDS)


if __name__ == "__main__":
    main()
