"""What our processes do to take little memory."""

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
LARGE_BYTES = 128 * 1024
GAP_BYTES = (2_048, 1_024, 512, 256, 128, 64, 32, 16)  # what is requested to fill the gaps of a heap
GAPS_MAX = 10_000
ARENAS = 2


def return_memory() -> None:
    """Make glibc return the memory of large bodies to the system as soon as they are freed.

    By default glibc raises the size from which it does so, and keeps a heap for each of many threads (mallopt(3)).
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(M_MMAP_THRESHOLD, LARGE_BYTES)
        set_option(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give all free pages of the heap back to the system. Do nothing where the C library isn't glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def fill_gaps() -> None:
    """Let glibc put what it allocates from now on at the end of the heap, and not into gaps between other objects.

    A forked process shares the pages of the heap, and gets a copy of each page to which it writes. SQLite keeps 130 KiB
    for a connection. In gaps, that would be on 400 pages.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        return
    library.sbrk.restype = library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    end = library.sbrk(0)
    for size in GAP_BYTES:
        for _ in range(GAPS_MAX):
            if not 0 < (library.malloc(size) or 0) < end:
                break
