"""What all groups of commands share."""

import subprocess
import sys

import pytest

from config import ROOT
from tests.webhooks_ui.cli.conftest import Run
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


@pytest.mark.parametrize(
    "arguments",
    [("event-types", "delete"), ("users", "invite"), ("backup",), ("import-sqlite",)],
)
def test_words_that_are_not_utf8_are_named(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "Soci\udce9t\udce9")
    assert result.exit_code == 2
    assert r"'Soci\udce9t\udce9' is not in UTF-8." in result.stderr
