"""The JSON API, /api/v1."""

from flask import Flask


def register(app: Flask) -> None: ...
