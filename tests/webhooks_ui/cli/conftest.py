"""Fixtures: ``flask`` commands."""

from typing import Protocol

import pytest
from click.testing import Result
from flask import Flask


class Run(Protocol):
    def __call__(self, *arguments: str, input: str | bytes | None = None) -> Result: ...


@pytest.fixture
def run(app: Flask) -> Run:
    """Return a function that runs a ``flask`` command with ``arguments``. ``input`` is its standard input."""
    runner = app.test_cli_runner()

    def invoke(*arguments: str, input: str | bytes | None = None) -> Result:
        result = runner.invoke(args=list(arguments), input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke
