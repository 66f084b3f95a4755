"""``flask listen`` names mistakes in its options."""

import socket

import pytest

from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.models import secret_box


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "0", "--secret", "hello"), "starts with whsec_"),
        (("--port", "0", "--secret", "whsec_%%%"), "must be base64"),
        (("--port", "0", "--secret", "whsec_AAAA"), "24 to 64 bytes"),
        (("--port", "70000", "--secret", secret_box.generate()), "65535"),
        (("--secret", secret_box.generate()), "--port"),
        (("--port", "1"), "--secret"),
    ],
)
def test_a_mistake_is_named(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("listen", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_taken_port_is_reported_on_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("listen", "--port", str(taken.getsockname()[1]), "--secret", secret_box.generate())
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "is taken. Choose another --port" in result.output
