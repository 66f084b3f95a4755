"""The WSGI entry point for ``gunicorn wsgi:app`` and for the ``flask`` command."""

import os
import sys

from config import ConfigError
from webhooks_ui import create_app
from webhooks_ui.models.key_check import check_keys_or_exit

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Error: {error}")
if os.environ.get("FLASK_RUN_FROM_CLI") != "true":  # commands must work, because some of them repair
    check_keys_or_exit(app)
