"""Runs Lighthouse from npm. Without Node.js or the npm registry, it is not measured."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.support.rig import ROOT

VERSION = "12.8.2"  # the last that runs on Node.js 18 to 22
FOLDER = ROOT / ".venv" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
FORM_FACTORS = {"desktop": ["--preset=desktop"], "mobile": []}
INSTALL_SECONDS, RUN_SECONDS = 180, 120
TIMES = 3
TRIES = 4


class NotMeasured(Exception):
    """Lighthouse can't run here. The message says why."""


@dataclass(frozen=True)
class Result:
    """The scores of a page by category (0 to 100), and the audits that cost points."""

    scores: dict[str, int]
    shortfalls: list[str]

    def __str__(self) -> str:
        return ", ".join(str(score) for score in self.scores.values())


def install() -> Path:
    """Install Lighthouse unless it is installed. Return the file of the program.

    Raises:
        NotMeasured: Node.js, npm or the registry is missing.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        raise NotMeasured("Node.js or npm is missing")
    package = FOLDER / "node_modules" / "lighthouse"
    with contextlib.suppress(OSError, ValueError):
        if json.loads((package / "package.json").read_text())["version"] == VERSION:
            return package / "cli" / "index.js"
    FOLDER.mkdir(parents=True, exist_ok=True)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--fetch-retries=0"]
    command = ["npm", "install", "--prefix", str(FOLDER), *quiet, f"lighthouse@{VERSION}"]
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        raise NotMeasured("npm can't install it") from None
    return package / "cli" / "index.js"


@contextlib.contextmanager
def headers(cookie: str) -> Iterator[Path]:
    """Yield a file of request headers with the session cookie.

    It is not passed as an argument, because everybody on the machine can read arguments.
    """
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as folder:
        path = Path(folder) / "headers.json"
        path.write_text(json.dumps({"Cookie": cookie} if cookie else {}))
        yield path


def run(program: Path, url: str, cookie: str, form_factor: str, goal: int, times: int = TIMES) -> Result:
    """Measure ``url`` with an empty cache.

    If performance is below ``goal``, return the median of ``times`` runs, because other work on the machine affects it.

    Raises:
        NotMeasured: Lighthouse failed.
    """
    results = [_run(program, url, cookie, form_factor)]
    while results[0].scores["performance"] < goal and len(results) < times:
        results.append(_run(program, url, cookie, form_factor))
    results.sort(key=lambda result: result.scores["performance"])
    return results[len(results) // 2]


def _run(program: Path, url: str, cookie: str, form_factor: str) -> Result:
    with headers(cookie) as file:
        command = [
            *("node", str(program), url, *FORM_FACTORS[form_factor]),
            *("--quiet", "--output=json", "--no-enable-error-reporting", "--disable-full-page-screenshot"),
            f"--only-categories={','.join(CATEGORIES)}",
            f"--extra-headers={file}",
            f"--chrome-flags={' '.join([*ARGUMENTS, '--headless'])}",
        ]
        environ = os.environ | {"CHROME_PATH": str(CHROMIUM)}
        # Now and then Chromium doesn't start, or Lighthouse loses its trace
        report = next(filter(None, (_report(command, environ) for _ in range(TRIES))), None)
    if report is None:
        raise NotMeasured(f"Lighthouse failed for {url}")
    scores = {name: round(report["categories"][name]["score"] * 100) for name in CATEGORIES}
    return Result(scores, list(_shortfalls(report)))


def _report(command: list[str], environ: dict[str, str]) -> dict[str, Any] | None:
    try:
        done = subprocess.run(command, capture_output=True, env=environ, timeout=RUN_SECONDS, check=True)
        report: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return None if report.get("runtimeError") else report


def _shortfalls(report: dict[str, Any]) -> Iterator[str]:
    """Yield the audits that cost points, with the elements that Lighthouse names."""
    for name in CATEGORIES:
        for reference in report["categories"][name]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
                where = "; ".join(_where(item) for item in audit.get("details", {}).get("items", []))
                yield f"{name}: {audit['id']} {audit['score']} {audit.get('displayValue', '')} {where}".rstrip()


def _where(item: dict[str, Any]) -> str:
    """Return the element that an item of an audit names, or else its texts and numbers."""
    if node := item.get("node"):
        return f"{node['selector']} {node['snippet'][:120]}"
    return " ".join(str(value) for value in item.values() if isinstance(value, str | float | int) and value)
