"""Ends a process when its parent ends, so that no process outlives the supervisor."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
SUPERVISOR = "SUPERVISED"  # the environment variable that holds the supervisor's process id


def die_with_parent(parent: int | None = None, number: int = signal.SIGTERM) -> None:
    """Make Linux send the signal ``number`` to this process when its parent dies. Do nothing on other systems.

    If the parent is dead already, exit at once.

    Args:
        parent: The process id of the parent, read before this process started. The default is the id that our
            supervisor set in the environment. Without one, as under a service manager, do nothing.
    """
    parent = parent or int(os.environ.get(SUPERVISOR) or 0)
    if sys.platform != "linux" or not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)
