"""Packages that few need are not imported until they are used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rig import ROOT
from webhooks_ui.lazy import Lazy


def test_a_module_is_imported_when_it_is_used() -> None:
    module = Lazy("colorsys")
    sys.modules.pop("colorsys", None)
    assert "colorsys" not in sys.modules
    assert module.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert "colorsys" in sys.modules


@pytest.mark.parametrize("start", ["import wsgi", "import jobs.worker, jobs.scheduler, webhooks_ui.app"])
def test_a_process_on_sqlite_loads_nothing_that_it_may_not_need(start: str, tmp_path: Path) -> None:
    rare = {"alembic", "authlib", "psycopg", "requests", "segno", "valkey", "webauthn", "zxcvbn"}
    code = f"{start}; import sys; print(sorted({rare!r} & sys.modules.keys()))"
    environ = os.environ | {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": "", "APP_ENV": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
