"""The pages: a blueprint each."""

from flask import Flask


def register(app: Flask) -> None: ...
