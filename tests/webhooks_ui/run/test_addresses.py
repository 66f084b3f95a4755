"""What a web server can't listen on is told in one line that names the setting."""

import socket
import subprocess
import sys

import pytest

from config import ROOT, ConfigError
from webhooks_ui.run.addresses import check_host, check_port


def test_a_taken_port_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 can't be used"):
            check_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["nope.invalid", "8.8.8.8", "a" * 300])
def test_an_address_of_another_machine_is_reported(host: str) -> None:
    with pytest.raises(ConfigError, match=f"HOST={host} is not an address of this machine"):
        check_host(host)
    with pytest.raises(ConfigError, match=f"HOST={host} is not an address of this machine"):
        check_port(host, 8_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_an_address_of_this_machine_is_fine(host: str) -> None:
    check_host(host)


def test_gunicorn_names_the_setting(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "python:webhooks_ui.run.gunicorn_conf", "wsgi:app"],
        cwd=ROOT,
        env=environ | {"HOST": "nope.invalid"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Error: HOST=nope.invalid is not an address of this machine. "
        "Use one that is, or for all of them 0.0.0.0, or :: with IPv6.\n"
    )
