"""The output of commands: letters that a terminal doesn't have, and output that can't be written, as on a full disk."""

import errno
import io
import os
import sys
from types import TracebackType

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def allow_any_letters() -> None:
    r"""Let commands write ``\u20ac`` for what the encoding of standard output doesn't have, as on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def explain_failures() -> None:
    """Say in one line that standard output can't be written to. Other unexpected errors are told as before."""
    told_before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, OSError) or error.errno not in UNWRITABLE or error.filename:
            told_before(kind, error, trace)
            return
        print(f"Error: The output can't be written: {error.strerror}.", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # at its end, Python writes again what it couldn't write

    sys.excepthook = tell
