"""Commands write in any encoding. One whose output can't be written says so in one line, and fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from config import ROOT
from tests.support.factories import make_api_key, make_delivery, make_webhook


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    ("words", "unbuffered"),  # what is buffered, Python writes again at its end
    [
        ("users list", ""),
        ("users list", "1"),
        ("users --help", ""),
        ("users --help", "1"),
        ("deliveries export --format csv", "1"),
        ("doctor", ""),
    ],
)
def test_a_full_disk_is_told_in_one_line(app: Flask, tmp_path: Path, words: str, unbuffered: str) -> None:
    environment = os.environ | {
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "ENCRYPTION_KEYS": app.config["ENCRYPTION_KEYS"][0],
        "PYTHONUNBUFFERED": unbuffered,
    }
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words.split()],
            cwd=ROOT,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "Error: The output can't be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("deliveries export --format json", "Zoë 日本".encode()),
        ("deliveries export --format csv", "Zoë 日本".encode()),
        ("api-keys list", b"Zo\xeb \\u65e5\\u672c"),
    ],
)
def test_letters_that_a_terminal_does_not_have_fail_no_command(
    app: Flask, tmp_path: Path, words: str, shown: bytes
) -> None:
    make_delivery(make_webhook(name="Zoë 日本"))
    make_api_key(name="Zoë 日本")
    environment = os.environ | {
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "ENCRYPTION_KEYS": app.config["ENCRYPTION_KEYS"][0],
        "PYTHONIOENCODING": "iso-8859-1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", *words.split()], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert shown in done.stdout
