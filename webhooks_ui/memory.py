"""What our processes do to take little memory."""

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
LARGE_BYTES = 128 * 1024
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
