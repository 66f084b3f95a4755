"""The WSGI entry point: ``gunicorn wsgi:app``, and what the ``flask`` command loads."""

import sys

from config import ConfigError
from webhooks_ui import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Error: {error}")
