"""Which requests are stale: only these are sent once more."""

import time
from typing import Any

import pycurl
import pytest

from jobs.transport.exchange import CROSSING_SECONDS, Exchange
from webhooks_ui.webhooks.destination import destination

# It went out once, on a kept connection, which ended before a byte came.
STALE: dict[str, Any] = {"sendings": 1, "socket": -1, "error": pycurl.E_GOT_NOTHING}
ABORTED = {"error": pycurl.E_ABORTED_BY_CALLBACK}
TIMED_OUT = {"error": None, "status": 408, "head_bytes": 40}


@pytest.mark.parametrize(
    ("changed", "sent_seconds_ago", "is_stale"),
    [
        ({}, 5.0, True),
        ({"error": pycurl.E_RECV_ERROR}, 5.0, True),
        ({"sendings": 0}, 5.0, False),
        ({"sendings": 2}, 5.0, False),
        ({"socket": 7}, 5.0, False),
        ({"head_bytes": 1}, 5.0, False),
        ({"error": None}, 5.0, False),
        ({"error": pycurl.E_OPERATION_TIMEDOUT}, 5.0, False),
        (ABORTED, 5.0, True),
        (ABORTED | {"complaint": "The head is too large."}, 5.0, False),
        (TIMED_OUT, 0.0, True),
        (TIMED_OUT, CROSSING_SECONDS, False),
        (TIMED_OUT | {"sendings": 2}, 0.0, False),
        (TIMED_OUT | {"socket": 7}, 0.0, False),
        (TIMED_OUT | {"status": 409}, 0.0, False),
    ],
)
def test_only_what_went_out_once_on_a_kept_connection_is_stale(
    changed: dict[str, Any], sent_seconds_ago: float, is_stale: bool
) -> None:
    exchange = Exchange("key", destination("https://example.com/"), {}, b"{}", 10.0)
    for name, value in (STALE | {"sent_at": time.monotonic() - sent_seconds_ago} | changed).items():
        setattr(exchange, name, value)
    assert exchange.was_stale == is_stale
