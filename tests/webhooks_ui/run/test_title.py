"""A process shows a title in place of its command line."""

import subprocess
import sys

import pytest

from tests.support.rig import ROOT

SHOW = "from pathlib import Path; print(Path('/proc/self/cmdline').read_bytes().rstrip(b'\\0').decode())"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
@pytest.mark.parametrize("title", ["worker-0: jobs.worker", "x" * 10_000])
def test_the_title_is_shown_as_far_as_there_is_room(title: str) -> None:
    code = f"from webhooks_ui.run.title import set_title; set_title({title!r}); {SHOW}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == title[: len(" ".join(command))]
