"""What a forked process allocates doesn't go between objects that it shares."""

import subprocess
import sys

import pytest

from tests.support.rig import ROOT

HALF_OF_THE_HEAP_IS_GAPS = """
import ctypes, gc
from webhooks_ui.memory import fill_gaps

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [libc.malloc(200) for _ in range(4_000)]
for block in blocks[::2]:
    libc.free(block)
last = max(blocks)
FILL
print(sum(libc.malloc(200) > last for _ in range(100)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has gaps that we know how to fill")
@pytest.mark.parametrize(("fill", "least", "most"), [("fill_gaps()", 80, 100), ("", 0, 20)])
def test_what_is_allocated_after_filling_the_gaps_is_at_the_end(fill: str, least: int, most: int) -> None:
    command = [sys.executable, "-c", HALF_OF_THE_HEAP_IS_GAPS.replace("FILL", fill)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert least <= int(done.stdout) <= most
