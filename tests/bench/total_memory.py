"""Measures the memory of all processes of ``make run``, idle and at work."""

import contextlib
import tempfile
import time
from pathlib import Path

import psutil
import requests

from tests.bench import receivers
from tests.support.factories import make_api_key, make_webhook
from tests.support.product import Product
from tests.support.waiting import wait_for
from webhooks_ui.database import db

WEBHOOKS = 20
WITHOUT_EXTRAS = 'import sys; sys.modules["opentelemetry"] = None'  # redis-py loads it wherever it is installed
ARRAYS, EVENTS = 20, 100  # published. Each event makes a delivery for each webhook
DONE_SECONDS = 120
KINDS = {  # with what is in their command lines
    "keeper": "run.keeper",
    "supervisor": "run.supervisor",
    "Valkey": "valkey-server",
    "web": "gunicorn",
    "workers": "jobs.worker",
    "scheduler": "jobs.scheduler",
}


Parts = dict[str, float]  # the MiB of each kind of process


def make_run_memory() -> tuple[Parts, Parts]:
    """Return the memory of all processes of ``make run`` in MiB, by kind: idle, and the most during 40,000 deliveries.

    Shared memory counts only once, and each process has a share of it (proportional set size). The product finds no
    OpenTelemetry, as after a start by ``make run``, which doesn't install it.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True))
        endpoint = stack.enter_context(receivers.receiver())
        (Path(folder) / "sitecustomize.py").write_text(WITHOUT_EXTRAS)
        product = Product(Path(folder), "", PYTHONPATH=folder)
        stack.callback(product.stop)
        for _ in range(20):
            requests.get(f"{product.url}/login", timeout=5).raise_for_status()
        idle = most = _memory(product)
        key = _make_webhooks(product, endpoint)
        for number in range(ARRAYS):
            _publish(product, key, number)
            most = max(most, _memory(product), key=total)
            time.sleep(0.5)
        everything = {"delivered": WEBHOOKS * ARRAYS * EVENTS}
        wait_for(lambda: product.statuses() == everything, DONE_SECONDS, "everything is delivered")
        return idle, max(most, _memory(product), key=total)


def total(parts: Parts) -> float:
    return sum(parts.values())


def told(parts: Parts) -> str:
    """Return the sum and the parts in words."""
    return f"{total(parts):.0f} MiB ({', '.join(f'{kind} {size:.0f}' for kind, size in parts.items())})"


def _memory(product: Product) -> Parts:
    parts = dict.fromkeys(KINDS, 0.0)
    for process in (psutil.Process(product.run.pid), *product.processes()):
        parts[_kind(" ".join(process.cmdline()))] += process.memory_full_info().pss / 2**20
    return parts


def _kind(command: str) -> str:
    return next(kind for kind, words in KINDS.items() if words in command)


def _make_webhooks(product: Product, endpoint: str) -> str:
    with product.app.app_context():
        for number in range(WEBHOOKS):
            make_webhook(name=f"Webhook {number}", url=endpoint)
        _, key = make_api_key(rate_per_minute=10_000_000)
        db.session.remove()
    return key


def _publish(product: Product, key: str, number: int) -> None:
    event = {"type": "license.activated", "data": {"number": number, "pad": "x" * 500}}
    headers = {"Authorization": f"Bearer {key}"}
    answer = requests.post(f"{product.url}/api/v1/events", json=[event] * EVENTS, headers=headers, timeout=30)
    answer.raise_for_status()
