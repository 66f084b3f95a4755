"""What all groups of commands share."""

import subprocess
import sys

import pytest

from config import ROOT
from webhooks_ui.cli.group import command


@pytest.mark.parametrize("program", [".venv/bin/flask", "/opt/webhooks/.venv/bin/flask"])
def test_a_command_is_named_with_the_program_that_ran(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [program, "users", "list"])
    assert command("db upgrade") == f"{program} db upgrade"


def test_a_command_of_a_module_can_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/anywhere/site-packages/flask/__main__.py", "users", "list"])
    named = command("--version")
    done = subprocess.run(named.split(), cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Flask" in done.stdout
