import pytest


@pytest.fixture
def run(app):
    """Run a ``flask`` command as it is typed; ``input`` is its standard input."""
    runner = app.test_cli_runner()

    def invoke(*arguments, input=None):
        result = runner.invoke(args=list(arguments), input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke
