"""The part that ``make demo`` adds: sample webhooks, endpoints that behave differently, and a slow stream of events.

Run ``python -m webhooks_ui.run.demo``. It makes the sample rows once, and publishes events until it is stopped.
"""

import random
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from jobs.publish import publish
from webhooks_ui import create_app
from webhooks_ui.database import db, writing
from webhooks_ui.die_with_parent import die_with_parent
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.events.types import CATEGORIES, EVENT_TYPES
from webhooks_ui.models import Environment, Stats, Webhook, WebhookFormat, secret_box, utcnow
from webhooks_ui.models.stats import hour_of
from webhooks_ui.run.services import SERVICES

HOST = "127.0.0.1"
PORT = 8_900  # tried first. If it is taken, the endpoints use any free port
EVENT_SECONDS = 1.5
HISTORY_HOURS = 7 * 24


class Sample(NamedTuple):
    """A sample webhook. ``path`` chooses how its endpoint behaves."""

    name: str
    path: str
    environment: str
    categories: tuple[str, ...]
    description: str = ""
    active: bool = True
    format: str = WebhookFormat.JSON


SAMPLES = (
    Sample("CRM sync", "/ok", "production", ("license", "contract"), "Keeps customer records up to date."),
    Sample("Billing", "/ok", "production", ("license", "contract", "product"), "Invoices follow activations."),
    Sample("Fraud detection", "/slow", "production", ("activation", "telemetry"), "Takes its time, but answers."),
    Sample("Data warehouse", "/flaky", "production", tuple(CATEGORIES), "Every third request fails."),
    Sample("Legacy ERP", "/broken", "production", ("license",), "Has answered 500 for a while."),
    Sample("Slack notifications", "/slack", "staging", ("license", "activation"), format=WebhookFormat.SLACK),
    Sample("Discord channel", "/discord", "production", ("activation",), format=WebhookFormat.DISCORD),
    Sample("Teams channel", "/teams", "production", ("contract",), format=WebhookFormat.TEAMS),
    Sample("Integration tests", "/ok", "staging", tuple(CATEGORIES)),
    Sample("Local debugging", "/ok", "development", tuple(CATEGORIES)),
    Sample("Old partner portal", "/ok", "production", ("product",), "Paused until the partner has moved.", False),
)


class Endpoint(BaseHTTPRequestHandler):
    """Answers as the path of the request says. The stand-ins for chat services take only messages that these take."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).count += 1
        if answer := SERVICES.get(self.path.removeprefix("/")):
            self._send(*answer(request)[:3])
            return
        if self.path == "/slow":
            time.sleep(random.uniform(0.4, 1.5))
        failing = self.path == "/broken" or (self.path == "/flaky" and self.count % 3 == 0)
        self._send(*((500, b'{"error": "database unavailable"}') if failing else (200, b'{"received": true}')))

    def _send(self, code: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing. The delivery log shows the requests."""


def serve() -> int:
    """Start the endpoints in a thread. Return their port."""
    ThreadingHTTPServer.daemon_threads = True
    for port in (PORT, 0):
        try:
            server = ThreadingHTTPServer((HOST, port), Endpoint)
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])
    raise OSError("There is no free port for the endpoints of the demo.")


def make_samples(port: int) -> None:
    """Make the sample webhooks with a week of statistics, unless there are webhooks already.

    If the sample webhooks exist, change their URLs to ``port``. Those that somebody made are left alone.
    """
    paths = {sample.name: sample.path for sample in SAMPLES}
    with writing():
        existing = db.session.scalars(db.select(Webhook)).all()
        for webhook in existing:
            parts = urlsplit(webhook.url)
            if parts.hostname == HOST and parts.path == paths.get(webhook.name):
                webhook.url = f"http://{HOST}:{port}{parts.path}"
        if not existing:
            for age, sample in enumerate(SAMPLES):
                rate_limit, rate_period = FORMATS[sample.format].rate
                webhook = Webhook(
                    name=sample.name,
                    url=f"http://{HOST}:{port}{sample.path}",
                    environment=sample.environment,
                    description=sample.description,
                    active=sample.active,
                    format=sample.format,
                    rate_limit=rate_limit,
                    rate_period=rate_period,
                    secret=secret_box.generate(),
                    event_types=[name for name, type in EVENT_TYPES.items() if type.category in sample.categories],
                    created_at=utcnow() - timedelta(days=3 * age + 8),
                )
                db.session.add(webhook)
                db.session.flush()
                if sample.active:
                    _add_history(webhook, sample.path)


def _add_history(webhook: Webhook, path: str) -> None:
    """Add statistics of the last week, so that the charts have something to show."""
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    share_failed = {"/flaky": 0.3, "/broken": 0.05}.get(path, 0.005)
    for ago in range(1, HISTORY_HOURS):
        at = hour - timedelta(hours=ago)
        busy = 1.0 if 7 <= at.hour <= 18 else 0.3
        total = int(random.gauss(40, 8) * busy)
        failed = sum(random.random() < share_failed for _ in range(total))
        buckets = (500, 1_000, 2_500) if path == "/slow" else (25, 50, 100, 250)
        for succeeded, count in ((True, total - failed), (False, failed)):
            for bucket, share in zip(buckets, (0.5, 0.3, 0.15, 0.05), strict=False):
                if number := round(count * share):
                    row = Stats(webhook_id=webhook.id, hour=at, succeeded=succeeded, duration_bucket_ms=bucket)
                    row.count = number
                    db.session.add(row)
                    webhook.attempted_hour = max(webhook.attempted_hour, hour_of(at))
                    if succeeded:
                        webhook.succeeded_hour = max(webhook.succeeded_hour, hour_of(at))


def main() -> None:
    """Run until SIGTERM."""
    die_with_parent()
    app = create_app(web=False)
    with app.app_context():
        make_samples(serve())
        while True:
            name = random.choice(list(EVENT_TYPES))
            environment = random.choices(list(Environment), weights=(6, 2, 1))[0]
            publish(environment, [NewEvent(name, EVENT_TYPES[name].example)])
            time.sleep(random.uniform(0.3, 2 * EVENT_SECONDS))


if __name__ == "__main__":
    main()
