"""The WSGI entry point for web servers, ``wsgi:app``, and for the ``flask`` command."""

import atexit
import sys

import config
from webhooks_ui import create_app, logs, tracing
from webhooks_ui.models import ProcessKind
from webhooks_ui.pulse import Pulse

try:
    settings = config.load()
    logs.configure(settings, ProcessKind.WEB)
    tracing.configure(settings)
    app = create_app(settings)
except config.ConfigError as error:
    sys.exit(f"Error: {error}")

# A web server forks after this, so the heartbeats begin with the first request. A command never begins.
app.extensions["pulse"] = Pulse(app, ProcessKind.WEB)
atexit.register(app.extensions["pulse"].stop)
