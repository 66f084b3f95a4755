"""Response headers that keep the browser safe."""

from flask import Flask


def register(app: Flask) -> None: ...
