"""The WSGI entry point for ``gunicorn wsgi:app`` and for the ``flask`` command."""

import sys

from config import ConfigError
from webhooks_ui import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Error: {error}")
