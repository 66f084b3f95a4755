"""Lets no process outlive the supervisor that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent dies, however that dies. Elsewhere: nothing.

    Only under our own supervisor (``SUPERVISED``): a service manager looks after its processes itself.
    """
    if sys.platform != "linux" or not os.environ.get("SUPERVISED"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
