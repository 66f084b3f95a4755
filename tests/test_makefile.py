"""What make does before anything of ours runs."""

import os
import shutil
import subprocess
from pathlib import Path

from config import ROOT


def make_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def test_a_virtual_environment_that_was_left_without_pip_is_made_anew(tmp_path: Path) -> None:
    """Debian's Python makes the folder and a part of its files, and fails if the package python3-venv is missing."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    make_program(tmp_path / ".venv" / "bin" / "python", "exit 1")
    whole = make_program(tmp_path / "whole", "exit 0")
    python = make_program(tmp_path / "python", f'case "$*" in "-m venv"*) cp {whole} .venv/bin/python;; esac')
    command = ["make", ".venv/ready"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHON": str(python)}, check=True, capture_output=True)
    assert (tmp_path / ".venv" / "ready").exists()
