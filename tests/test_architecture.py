"""Checks the walls in docs/architecture.md: a file may import only what stands to its right.

The order is one of folders, so that it holds for a new file without a change here. The last tests add violations and
check that each is found.
"""

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from config import ROOT

# The rooms from left to right, one line per step. Rooms in the same line don't import each other.
WALLS = (
    ("wsgi", "webhooks_ui.run", "jobs.worker", "jobs.scheduler"),
    ("webhooks_ui.app",),
    ("webhooks_ui.views", "webhooks_ui.api", "webhooks_ui.cli"),
    ("webhooks_ui.forms",),
    ("webhooks_ui.web",),
    ("webhooks_ui.checks",),
    ("jobs.deliver", "jobs.bulk_actions", "jobs.chores"),
    ("jobs.drain",),
    ("jobs",),  # the stages
    ("jobs.transport",),
    ("webhooks_ui.deliveries",),
    ("webhooks_ui.webhooks",),
    ("webhooks_ui.events", "webhooks_ui.people", "webhooks_ui.api_keys", "webhooks_ui.parsing"),
    ("webhooks_ui.audit", "webhooks_ui.wake", "webhooks_ui.pulse"),
    ("webhooks_ui.counting",),
    ("webhooks_ui.models",),
    ("webhooks_ui.database",),
    ("webhooks_ui.logs", "webhooks_ui.tracing"),
    ("config", "webhooks_ui.die_with_parent", "webhooks_ui.masking", "webhooks_ui.schedules", "webhooks_ui"),
    ("webhooks_ui.configuration",),
    ("webhooks_ui.instance_folder",),
    ("webhooks_ui.private_files", "webhooks_ui.config_error", "webhooks_ui.utf8"),
)
# An exception: this import runs only when the function is called, so that a supervising process stays small.
LAZY = {("webhooks_ui", "webhooks_ui.app")}
PURE = (
    *("jobs.sign", "jobs.retry", "jobs.throttle", "jobs.pace", "webhooks_ui.events.types", "webhooks_ui.schedules"),
    *("webhooks_ui.events.conditions", "webhooks_ui.events.selection", "webhooks_ui.events.strict_json"),
    *("webhooks_ui.deliveries.request_headers", "webhooks_ui.utf8"),
)
NETWORK = ("requests", "urllib3", "http.client", "socket", "pycurl")
SPEAKERS = ("jobs.transport", "jobs.send", "jobs.chores.mail")
OWNERS = ("webhooks_ui.database.transactions",)  # the only modules that commit and roll back
DIALECTS = ("webhooks_ui.database.sqlite", "webhooks_ui.database.postgresql", "webhooks_ui.database.dialect")


def room_of(module: str) -> int | None:
    """Return the number of the line in ``WALLS`` that holds ``module``, or ``None`` if no line does."""
    return next((number for number, line in enumerate(WALLS) if folder_of(module) in line), None)


def folder_of(module: str) -> str:
    """Return the name in ``WALLS`` that covers ``module``, or the name of ``module`` if none does."""
    parts = module.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    names = {name for line in WALLS for name in line}
    return next((prefix for prefix in prefixes if prefix in names), module)


def modules() -> dict[str, str]:
    """Return the source of each module of the product by the module's name."""
    files = [*ROOT.glob("*.py"), *(ROOT / "webhooks_ui").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")]
    paths = [path.relative_to(ROOT) for path in files if "migrations" not in path.parts]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): (ROOT / path).read_text() for path in paths}


@cache
def imported(source: str) -> tuple[str, ...]:
    """Return the modules that a file imports, at its top or inside a function."""
    return tuple(_imported(source))


def _imported(source: str) -> Iterator[str]:
    """Yield for ``from a import b`` the name ``a.b`` if it is one of our modules, or else ``a``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in SOURCES else node.module


SOURCES = modules()


def crossings(module: str, source: str) -> list[str]:
    """Return the imports of a file that break the order."""
    own = room_of(module)
    wrong = []
    for name in imported(source):
        room = room_of(name)
        if own is None or room is None or (module, name) in LAZY:
            continue
        same = folder_of(name) == folder_of(module)
        if room < own or (room == own and not same):
            wrong.append(name)
    return wrong


def starts_with_any(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def owns_no_transaction(source: str) -> bool:
    """Return True if a file neither commits nor rolls back the session's transaction."""
    return not any(f"session.{name}(" in source for name in ("commit", "rollback", "begin"))


def test_a_file_imports_only_what_stands_to_its_right() -> None:
    assert {module: wrong for module, source in SOURCES.items() if (wrong := crossings(module, source))} == {}


def test_every_file_has_a_room() -> None:
    assert [module for module in SOURCES if room_of(module) is None] == []


def test_no_two_folders_import_each_other() -> None:
    arrows = {
        (folder_of(module), folder_of(name))
        for module, source in SOURCES.items()
        for name in imported(source)
        if name in SOURCES and (module, name) not in LAZY
    }
    assert {(one, other) for one, other in arrows if one < other and (other, one) in arrows} == set()


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_of_ours_but_the_version_and_pure_ones(module: str) -> None:
    ours = [name for name in imported(SOURCES[module]) if room_of(name) is not None]
    assert set(ours) <= {"webhooks_ui", *PURE}


def test_the_product_knows_no_test() -> None:
    for module, source in SOURCES.items():
        assert not [name for name in imported(source) if starts_with_any(name, ("tests", "pytest"))], module


def test_only_the_transport_talks_to_targets() -> None:
    for module, source in SOURCES.items():
        if module.startswith("jobs.") and not starts_with_any(module, SPEAKERS):
            assert not [name for name in imported(source) if starts_with_any(name, NETWORK)], module


def test_only_the_blocks_of_the_database_commit() -> None:
    for module, source in SOURCES.items():
        if module not in OWNERS:
            assert owns_no_transaction(source), module


def test_only_the_dialects_ask_which_database_it_is() -> None:
    for module, source in SOURCES.items():
        if module not in DIALECTS:
            assert "dialect.name" not in source, module


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("jobs.drain.slots", "from webhooks_ui.web import access"),  # a job that uses the web session
        ("jobs.drain.slots", "from webhooks_ui.forms.webhook import WebhookForm"),
        ("webhooks_ui.models.webhook", "import webhooks_ui.views.webhooks.listing"),  # a model that imports a page
        ("webhooks_ui.webhooks.changes", "def late():\n    from webhooks_ui.deliveries.changes import cancel"),
        ("webhooks_ui.views.notices", "from webhooks_ui.api.schemas import SCHEMAS"),
        ("webhooks_ui.database.tables", "from webhooks_ui.models import Webhook"),
        ("webhooks_ui.deliveries.a_new_file", "from jobs.publish import publish"),
    ],
)
def test_a_planted_violation_is_found(module: str, line: str) -> None:
    assert crossings(module, f"{SOURCES.get(module, '')}\n{line}\n") != []


@pytest.mark.parametrize("line", ["db.session.commit()", "db.session.rollback()"])
def test_a_planted_commit_is_found(line: str) -> None:
    assert not owns_no_transaction(f"{SOURCES['webhooks_ui.webhooks.changes']}\n{line}\n")
