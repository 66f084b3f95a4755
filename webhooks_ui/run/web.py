"""The web server: gunicorn with its settings read, so that it and its processes share the memory of both."""

import sys

from gunicorn.app.wsgiapp import WSGIApplication

from webhooks_ui.run.programs import WEB

_ready: list[WSGIApplication] = []


def configure() -> None:
    """Let gunicorn read its settings before the supervisor forks. They take 5 MiB. Nothing is opened or connected."""
    arguments, sys.argv = sys.argv, list(WEB)
    try:
        _ready[:] = [WSGIApplication()]
    finally:
        sys.argv = arguments


def main() -> None:
    """Serve until one of the signals that gunicorn knows."""
    (_ready or [WSGIApplication()])[0].run()
