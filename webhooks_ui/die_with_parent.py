"""Lets no process outlive the supervisor that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
SUPERVISOR = "SUPERVISED"  # the variable that holds the supervisor's process id


def die_with_parent(parent: int | None = None) -> None:
    """Have Linux send SIGTERM to this process when its parent dies, however that dies. Elsewhere: nothing.

    A parent that died before this process could ask is noticed too: then it ends at once.

    Args:
        parent: its process id, from somebody who knew it before this process began. By default what our supervisor
            handed down. Under a service manager, which looks after its processes itself, there is none.
    """
    parent = parent or int(os.environ.get(SUPERVISOR) or 0)
    if sys.platform != "linux" or not parent:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
