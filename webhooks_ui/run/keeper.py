"""Restarts the supervisor if it dies. The supervisor does the same for all other processes.

Run ``python -m webhooks_ui.run.keeper [PROGRAM…]``. The module imports little, because it stays in memory.
"""

from webhooks_ui.stop_signals import end_start_quietly, stop_signals

if __name__ == "__main__":
    end_start_quietly()

import errno
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.run.say import say

RESTART_SECONDS = 1.0
MISUSED = 2  # what the supervisor ends with if it doesn't know a program. It has said so


def main() -> None:
    """Run the supervisor until one of the ``stop_signals``. Start it again if it dies."""
    stopping = False
    child: subprocess.Popen[bytes] | None = None
    keeper = os.getpid()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        if child:
            child.send_signal(signal.SIGTERM)

    for number in stop_signals():
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())  # ``make run`` has blocked them for a moment
    command = [sys.executable, "-m", "webhooks_ui.run.supervisor", *sys.argv[1:]]
    is_told = False
    while not stopping:
        try:
            child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(keeper), start_new_session=True
            )
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM):  # too many processes, or too little memory
                raise
            if not is_told:
                say(f"The supervisor can't be started, trying again: {error.strerror}.", sys.stderr)
            is_told = True
            time.sleep(RESTART_SECONDS)
            continue
        is_told = False
        if stopping:  # while the supervisor was made, so that it wasn't told
            child.send_signal(signal.SIGTERM)
        if child.wait() == MISUSED:
            sys.exit(MISUSED)
        if not stopping:
            say("The supervisor died. Starting it again.", sys.stderr)
            time.sleep(RESTART_SECONDS)


if __name__ == "__main__":
    main()
