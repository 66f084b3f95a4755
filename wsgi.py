"""The WSGI entry point for web servers, ``wsgi:app``, and for the ``flask`` command."""

import atexit
import os
import sys

import config
from webhooks_ui import create_app, logs, tracing
from webhooks_ui.app import is_ahead
from webhooks_ui.cli import output
from webhooks_ui.database import db
from webhooks_ui.models import ProcessKind
from webhooks_ui.models.key_check import check_keys_or_exit
from webhooks_ui.pulse import Pulse

is_command = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
try:
    settings = config.load()
    logs.configure(settings, "command" if is_command else ProcessKind.WEB)
    tracing.configure(settings)
    app = create_app(settings)
except config.ConfigError as error:
    sys.exit(f"Error: {error}")
if is_command:
    output.allow_any_letters()
    output.explain_failures()
else:  # commands must work with wrong keys, because some of them repair
    check_keys_or_exit(app)
    if not is_ahead():  # then gunicorn forks after this, and no connection may stay open
        with app.app_context():
            db.engine.dispose()

# A web server forks after this, so the heartbeats begin with the first request. A command never begins.
app.extensions["pulse"] = Pulse(app, ProcessKind.WEB)
atexit.register(app.extensions["pulse"].stop)
