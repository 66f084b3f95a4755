"""Describes the machine on which something was measured."""

import os
import platform
import subprocess
from datetime import UTC, datetime

import psutil

from tests.support.rig import ROOT


def machine() -> str:
    """Return the hardware, the versions, the commit and the time in one line."""
    memory = psutil.virtual_memory().total / 2**30
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, commit {commit.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )
