"""The WSGI entry point: ``gunicorn wsgi:app``, and what the ``flask`` command loads."""

from webhooks_ui import create_app

app = create_app()
