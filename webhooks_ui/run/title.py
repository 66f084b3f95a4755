"""The title of a process: what ``ps`` shows as its command line."""

import ctypes
import sys
from functools import cache
from pathlib import Path

ARGUMENTS_BEGIN, ARGUMENTS_END = 48, 49  # the numbers of fields in /proc/self/stat (proc(5))


def set_title(title: str) -> None:
    """Replace the command line of this process. A longer title is cut. Do nothing where Linux's /proc is missing.

    A forked process would show the command line of its parent.
    """
    begin, size = find_room()
    if begin and size > 0:
        ctypes.memmove(begin, title.encode()[: size - 1].ljust(size, b"\0"), size)


@cache
def find_room() -> tuple[int, int]:
    """Return the address and the size of the command line, or zeros. They are the same in a forked process."""
    if sys.platform != "linux":
        return 0, 0
    try:
        _, _, fields = Path("/proc/self/stat").read_text().rpartition(") ")
        begin, end = (int(fields.split()[number - 3]) for number in (ARGUMENTS_BEGIN, ARGUMENTS_END))
    except (OSError, IndexError, ValueError):
        return 0, 0
    return begin, end - begin
