"""Says a line to whoever runs the product. The module imports little, because the keeper stays in memory."""

import contextlib
import sys
from typing import TextIO


def say(line: str, file: TextIO | None = None) -> None:
    """Print ``line``, by default to standard output. Ignore errors, because the output may go to a full disk."""
    with contextlib.suppress(OSError):
        print(line, file=file or sys.stdout, flush=True)
