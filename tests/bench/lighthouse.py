"""Lighthouse, from npm: measured where Node.js is, and passed over where it or the registry is not."""

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


class NotMeasured(Exception):
    """Lighthouse can't be had here; the message says why."""


@dataclass(frozen=True)
class Result:
    """The scores of a page by category, 0 to 100, and the audits that cost points."""

    scores: dict[str, int]
    shortfalls: list[str]

    def __str__(self) -> str:
        return ", ".join(str(score) for score in self.scores.values())


def install() -> Path:
    """The program's file, installed if need be.

    Raises:
        NotMeasured: Node.js, npm or the registry is missing.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        raise NotMeasured("no node")
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
    """A file of request headers that carry the session: not an argument, which everybody on the machine could read."""
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as folder:
        path = Path(folder) / "headers.json"
        path.write_text(json.dumps({"Cookie": cookie} if cookie else {}))
        yield path


def run(program: Path, url: str, cookie: str, form_factor: str, goal: int, times: int = TIMES) -> Result:
    """Open ``url`` with an empty cache; where performance is below ``goal``, the median of ``times``: work disturbs it.

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
        report = _report(command, environ) or _report(command, environ)  # now and then Chromium doesn't start
    if report is None:
        raise NotMeasured(f"it failed for {url}")
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
    """What cost points, with the elements where Lighthouse names them."""
    for name in CATEGORIES:
        for reference in report["categories"][name]["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
                where = "; ".join(_where(item) for item in audit.get("details", {}).get("items", []))
                yield f"{name}: {audit['id']} {audit['score']} {audit.get('displayValue', '')} {where}".rstrip()


def _where(item: dict[str, Any]) -> str:
    """What an item of an audit names: an element, or whatever texts and numbers it has."""
    if node := item.get("node"):
        return f"{node['selector']} {node['snippet'][:120]}"
    return " ".join(str(value) for value in item.values() if isinstance(value, str | float | int) and value)
