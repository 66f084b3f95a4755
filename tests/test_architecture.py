"""Arrows go one way: views, api, cli → jobs → models → extensions. Read from the imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("webhooks_ui", "jobs", "config", "tests", "wsgi")
PURE = ("jobs/sign.py", "jobs/retry.py", "webhooks_ui/event_types.py", "webhooks_ui/permissions.py")
PAGES = ("webhooks_ui.views", "webhooks_ui.api", "webhooks_ui.cli", "webhooks_ui.forms", "webhooks_ui.web")


def imports(path: Path) -> set[str]:
    """The full names of all modules that a file imports, at its top or anywhere else."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_any(path: Path, *prefixes: str) -> set[str]:
    return {name for name in imports(path) if any(name == p or name.startswith(f"{p}.") for p in prefixes)}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_nothing_of_ours(name):
    assert imports_any(ROOT / name, *OURS) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.stem)
def test_the_pipeline_knows_no_page(path):
    assert imports_any(path, *PAGES) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "webhooks_ui/models").glob("*.py")), ids=lambda path: path.stem)
def test_models_know_neither_jobs_nor_pages(path):
    assert imports_any(path, "jobs", *PAGES) == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("[jw]*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_product_knows_no_test(path):
    assert imports_any(path, "tests", "pytest") == set()


def test_only_send_and_its_connections_talk_http_to_targets():
    allowed = {"send.py", "connection.py", "idle_connections.py", "answer.py", "deadline.py", "resolve.py"}
    for path in (ROOT / "jobs").glob("*.py"):
        if path.name not in allowed:
            assert imports_any(path, "requests", "urllib3", "http.client", "socket") == set(), path
