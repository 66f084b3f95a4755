"""Error pages and JSON errors."""

from flask import Flask


def register(app: Flask) -> None: ...
