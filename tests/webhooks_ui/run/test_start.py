"""``make run`` explains on one line why it can't start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config import ConfigError
from tests.support.rig import ROOT
from webhooks_ui.run.start import only_one, port_is_free


def test_a_taken_port_is_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 can't be used"):
            port_is_free("127.0.0.1", port)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    lock = only_one(tmp_path)
    with pytest.raises(ConfigError, match="already runs"):
        only_one(tmp_path)
    os.close(lock)
    os.close(only_one(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written to"):
        only_one(tmp_path / "file")


def test_without_a_redis_server_the_start_is_refused_on_one_line_before_anything_else(
    environ: dict[str, str], tmp_path: Path
) -> None:
    code = "from webhooks_ui.run import redis_server as r, start; r.find_spec = lambda name: None; start.main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ | {"PATH": str(tmp_path), "REDIS_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Can't start: there is no Redis-compatible server.")
    assert done.stderr.count("\n") == 1
