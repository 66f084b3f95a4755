"""Measures what it costs publishers that the keys of each event are found and stored (see ``events.keys``)."""

import gc
import json
import time
from statistics import mean
from unittest.mock import patch

from flask.testing import FlaskClient

from config import load
from tests.bench.latency import EVENT
from tests.support.factories import make_api_key, make_webhook
from tests.support.rig import rig
from webhooks_ui import create_app

EVENTS = 1_000  # in an array
WARM = 5


def cost(database: str, rounds: int) -> float:
    """Return the share by which arrays of events for one webhook take longer with keys than without.

    The application is called in this process, with and without keys in turn. Its loaded code is kept from the garbage
    collector, as in the web processes. The figures are means of the quickest tenth of the rounds, which had the
    processor for themselves.
    """
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with rig(database) as instance:
        app = create_app(load(instance.environ))
        app.logger.disabled = True
        with app.app_context():
            make_webhook()
            _, key = make_api_key(rate_per_minute=10_000_000)
        client, body = app.test_client(), json.dumps([EVENT] * EVENTS)
        for _ in range(WARM):
            _publish(client, key, body)
        gc.collect()
        gc.freeze()  # for the rest of the run, which measures other processes
        for _ in range(rounds):
            seconds[True].append(_publish(client, key, body))
            with patch("jobs.store.joined_keys_of", lambda data: ""):  # a Mock would take longer than the keys
                seconds[False].append(_publish(client, key, body))
    with_keys, without = (mean(sorted(found)[: max(1, rounds // 10)]) for found in seconds.values())
    return with_keys / without - 1


def _publish(client: FlaskClient, key: str, body: str) -> float:
    """Return how many seconds the API took."""
    started = time.perf_counter()
    answer = client.post(
        "/api/v1/events", data=body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    if answer.status_code != 202:
        raise RuntimeError(f"The API did not accept the events: {answer.status_code} {answer.text[:200]!r}")
    return time.perf_counter() - started
