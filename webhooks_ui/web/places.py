"""Places for requests that wait in a thread of the web server, so that others find one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def place_in(places: threading.BoundedSemaphore) -> Iterator[bool]:
    """Hold one of the places until the end of the block. Yield False if there is none, without waiting for one."""
    has_place = places.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            places.release()
