"""The warm-up leaves nothing behind that a forked process must not have."""

import logging
import threading

import pytest
from flask import Flask

from webhooks_ui import counting
from webhooks_ui.run.warm_up import warm_up_database, warm_up_pages


def test_it_counts_and_logs_nothing_and_starts_no_thread(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = threading.enumerate()
    warm_up_database(app.config)
    warm_up_pages(app)
    with counting.taken(app) as counts:
        assert counts == {}
    assert caplog.records == []
    assert set(threading.enumerate()) <= set(before)  # threads of other tests may end
    assert not logging.root.manager.disable
