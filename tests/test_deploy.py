"""The examples in docs/deploy run what exists: commands, settings, files, addresses and metrics."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import stamp
from prometheus_client.parser import text_string_to_metric_families

from config import ROOT, load
from tests.support.factories import make_process, make_webhook
from webhooks_ui import __version__, counting
from webhooks_ui.run.programs import programs

DEPLOY = ROOT / "docs" / "deploy"
OPERATIONS = ROOT / "docs" / "operations.md"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
COMMANDS = (
    "flask db upgrade",
    "flask backup",
    "gunicorn --config python:webhooks_ui.run.gunicorn_conf wsgi:app",
    "python -m jobs.worker",
    "python -m jobs.scheduler",
)
IMAGE = f"keymanager-webhooks:{__version__}"
METRIC = re.compile(r"\bwebhooks_[a-z0-9_]+")
# The settings of PostgreSQL's own image, those that the app gets from the system, and an argument of the build
FOREIGN_SETTINGS = {
    "OTEL",
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
}
SECRET_KEY = "kV8q3v0aXnC4bT7rJm2eYw5zLd9hUf1g"


def documents(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = list(yaml.safe_load_all(path.read_text()))
    return found


def settings_that_are_read() -> set[str]:
    """Return the environment variables that config.py reads, with those that libraries read and the README names."""
    files = [ROOT / "config.py", *(ROOT / "webhooks_ui" / "configuration").glob("*.py")]
    named = {name for file in files for name in re.findall(r'"([A-Z][A-Z0-9_]{3,})"', file.read_text())}
    return named | set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", (ROOT / "README.md").read_text())) | {"HOST", "PORT"}


def commands() -> Iterator[tuple[str, str]]:
    """Yield where each command stands, and the command."""
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        yield f"Procfile {name}", command.replace(".venv/bin/", "")
    for unit in UNITS:
        text = re.search(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
        assert text, unit
        yield unit.name, text.group(1).replace("/opt/webhooks/.venv/bin/", "")
    for name, service in documents(DEPLOY / "compose.yaml")[0]["services"].items():
        if service["image"] == IMAGE and "command" in service:
            yield f"compose.yaml {name}", " ".join(service["command"])
    for path in MANIFESTS:
        for container in containers(path):
            yield path.name, " ".join(container["command"])
    image = re.search(r"^CMD (.*)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert image
    yield "Containerfile", " ".join(json.loads(image.group(1)))


def containers(path: Path) -> list[dict[str, Any]]:
    """Return the containers of the deployments and jobs in a manifest."""
    pods = [
        document["spec"]["template"]["spec"] for document in documents(path) if "template" in document.get("spec", {})
    ]
    return [container for pod in pods for container in pod["containers"]]


@pytest.mark.parametrize(("where", "command"), list(commands()))
def test_every_example_runs_a_command_that_exists(where: str, command: str) -> None:
    assert command.startswith(COMMANDS), where
    module = re.search(r"python -m ([\w.]+)|python:([\w.]+)", command)
    if module:
        path = (module.group(1) or module.group(2)).replace(".", "/")
        assert (ROOT / f"{path}.py").exists()


def test_every_process_is_in_every_kind_of_example() -> None:
    found = list(commands())
    for kind in ("Procfile", ".service", "compose.yaml", ".yaml"):
        told = {command for where, command in found if kind in where}
        for needed in ("flask db upgrade", "python -m jobs.worker", "python -m jobs.scheduler"):
            assert needed in told, kind


def test_a_runner_gives_the_web_server_the_port_that_it_is_told() -> None:
    """Runners such as foreman add 100 to PORT for each line of the Procfile."""
    assert (DEPLOY / "Procfile").read_text().startswith("web: ")


def test_every_example_names_the_same_image() -> None:
    found = [
        (path.name, name)
        for path in (DEPLOY / "README.md", DEPLOY / "Containerfile", DEPLOY / "compose.yaml", *MANIFESTS)
        for name in re.findall(r"keymanager-webhooks:[\w.]+", path.read_text())
    ]
    assert {where for where, _ in found} >= {"README.md", "Containerfile", "compose.yaml", "web.yaml", "migrate.yaml"}
    assert {name for _, name in found} == {IMAGE}


def test_the_examples_set_only_settings_that_are_read(tmp_path: Path) -> None:
    lines = (DEPLOY / "systemd" / "webhooks.env").read_text().splitlines()
    of_units = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    of_cluster = {name for document in documents(DEPLOY / "kubernetes" / "settings.yaml") for name in _data(document)}
    of_image = set(re.findall(r"\b([A-Z][A-Z_]+)=", (DEPLOY / "Containerfile").read_text()))
    for names in (set(of_units), set(of_compose()), of_cluster, of_image):
        assert names - FOREIGN_SETTINGS <= settings_that_are_read()
    filled_in = {"ENCRYPTION_KEYS": "x" * 43 + "=", "SECRET_KEY": SECRET_KEY, "METRICS_TOKEN": SECRET_KEY}
    loaded = load(of_units | filled_in | {"INSTANCE_PATH": str(tmp_path)})
    assert loaded["PRODUCTION"]


def test_the_examples_trust_the_proxy_that_is_put_before_them() -> None:
    of_units = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DEPLOY / "systemd" / "webhooks.env").read_text(), re.MULTILINE))
    of_cluster = _data(documents(DEPLOY / "kubernetes" / "settings.yaml")[1])
    for settings in (of_units, of_cluster, of_compose()):
        assert settings["TRUSTED_PROXIES"] == "1"


def test_compose_passes_on_what_the_file_of_settings_may_hold(tmp_path: Path) -> None:
    passed = set(of_compose())
    wanted = {name for name in settings_that_are_read() if name.startswith("OIDC_")}
    wanted |= {"SMTP_URL", "MAIL_FROM", "ALLOWED_HOSTS", "ALLOWED_TARGETS", "EGRESS_PROXY", "PASSWORD_SIGN_IN"}
    assert wanted - passed == set()
    required = {"ENCRYPTION_KEYS": "x" * 43 + "=", "SECRET_KEY": SECRET_KEY, "PUBLIC_URL": "https://portal.example.com"}
    loaded = load(
        of_compose() | required | {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": "", "APP_ENV": "production"}
    )
    assert (loaded["SMTP"], loaded["OIDC"], loaded["ALLOWED_TARGETS"]) == (None, None, ())
    assert loaded["PASSWORD_SIGN_IN"]


def test_the_first_super_admin_is_made_in_each_kind_of_deployment() -> None:
    text = (DEPLOY / "README.md").read_text()
    for command in ("systemd-run", "docker compose", "kubectl"):
        assert re.search(rf"^ *{command} .*(\\\n.*)*users create \S+ --role super_admin$", text, re.MULTILINE), command


def test_a_migration_that_fails_keeps_no_unit_from_starting() -> None:
    """With Requires, a machine that starts before its database would start nothing, and not try again."""
    for unit in UNITS:
        assert "Requires=" not in unit.read_text(), unit.name
    migrate = (DEPLOY / "systemd" / "webhooks-migrate.service").read_text()
    assert "Restart=on-failure" in migrate
    assert "StartLimitIntervalSec=0" in migrate


def test_processes_get_the_time_that_they_need_to_end(tmp_path: Path) -> None:
    settings = load({"WORKERS": "1", "INSTANCE_PATH": str(tmp_path)})
    needed = {program.name: program.patience_seconds for program in programs(settings)}
    needed["worker"] = needed.pop("worker-0")
    found = set()
    for where, seconds in patience():
        kind = re.search(r"web|worker|scheduler", where.replace("webhooks", ""))
        assert kind, where
        assert seconds >= needed[kind[0]], where
        found.add(where)
    assert len(found) == 3 * len(needed)


def patience() -> Iterator[tuple[str, int]]:
    """Yield where each long-running process stands, and how many seconds it gets from SIGTERM to SIGKILL."""
    for unit in UNITS:
        if "Restart=always" in unit.read_text():
            text = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
            yield unit.name, int(text[1]) if text else 90
    for name, service in documents(DEPLOY / "compose.yaml")[0]["services"].items():
        if service["image"] == IMAGE and service["restart"] != "no":
            yield f"compose.yaml {name}", int(service.get("stop_grace_period", "10s").removesuffix("s"))
    for path in MANIFESTS:
        for document in documents(path):
            if document["kind"] == "Deployment":
                pod = document["spec"]["template"]["spec"]
                before = [
                    box["lifecycle"]["preStop"]["exec"]["command"][1] for box in pod["containers"] if "lifecycle" in box
                ]
                yield path.name, pod["terminationGracePeriodSeconds"] - sum(map(int, before))


def of_compose() -> dict[str, str]:
    """Return the settings of compose.yaml as they are without a file .env, apart from those that must be in one."""
    settings = documents(DEPLOY / "compose.yaml")[0]["x-app"]["environment"]
    return {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", text) for name, text in settings.items()}


def _data(document: dict[str, Any]) -> dict[str, str]:
    settings: dict[str, str] = document.get("data", {}) | document.get("stringData", {})
    return settings


def test_probes_ask_addresses_that_exist(app: Flask) -> None:
    known = {rule.rule for rule in app.url_map.iter_rules()}
    text = "".join(path.read_text() for path in (*MANIFESTS, DEPLOY / "compose.yaml"))
    asked = set(re.findall(r"(/(?:healthz|readyz)[^\"', }:]*)", text))
    assert asked == {"/healthz", "/readyz?for=publishing", "/readyz"}  # the last one in a comment
    assert {address.partition("?")[0] for address in asked} <= known


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_containers_have_no_rights_and_a_root_that_is_read_only(path: Path) -> None:
    for container in containers(path):
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"]
        assert not rights["allowPrivilegeEscalation"]
        assert rights["capabilities"] == {"drop": ["ALL"]}
    for document in documents(path):
        if "template" in document.get("spec", {}):
            assert document["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    units = [path for path in (DEPLOY / "systemd").iterdir() if path.suffix != ".env"]
    for unit in units:
        text = unit.read_text().replace("/opt/webhooks/.venv/bin/flask", "/bin/true")
        text = re.sub(r"^ExecStart=/opt/\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
        configparser.ConfigParser(strict=False, interpolation=None).read_string(text)
    names = [str(tmp_path / unit.name.replace("@.", "@1.")) for unit in units]
    (tmp_path / "webhooks-worker@1.service").write_text((tmp_path / "webhooks-worker@.service").read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    complaints = [line for line in done.stderr.splitlines() if "webhooks" in line]
    assert complaints == []


def test_the_image_holds_all_that_the_processes_need(tmp_path: Path) -> None:
    """Copy what the Containerfile copies, and load each process from there, on folders that nobody may write to."""
    text = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            place = tmp_path / (source if target == "./" else target)
            if target.startswith("/"):
                assert (ROOT / source).is_file()
            elif (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    code = (
        "import wsgi, jobs.worker, jobs.scheduler, webhooks_ui.run.redis_server\n"
        "print(wsgi.app.test_client().get('/nothing-here').status_code)"
    )
    environment = {"PATH": os.environ["PATH"], "INSTANCE_PATH": str(tmp_path / "instance"), "APP_ENV": "production"}
    environment |= {
        "SECRET_KEY": SECRET_KEY,
        "ENCRYPTION_KEYS": "x" * 43 + "=",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment |= {"PUBLIC_URL": "https://portal.example.com", "REDIS_URL": "redis://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "404\n", done.stderr
    assert not (tmp_path / "instance").exists()


def test_a_build_of_the_image_gets_what_it_copies_and_nothing_else() -> None:
    """The folder of the product may also hold instance/, with keys and data."""
    text = (DEPLOY / "Containerfile").read_text()
    copied = {source for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for source in line.split()[:-1]}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied


@pytest.fixture
def metrics(app: Flask, client: FlaskClient) -> set[str]:
    """The names of all series that /metrics gives."""
    stamp()
    make_process("worker")
    make_webhook()
    client.get("/healthz")
    counting.flush(app)
    return {
        sample.name
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_rules_and_dashboard_ask_for_metrics_that_exist(metrics: set[str]) -> None:
    folder = DEPLOY / "prometheus"
    rules = [rule["expr"] for group in documents(folder / "alerts.yaml")[0]["groups"] for rule in group["rules"]]
    panels = json.loads((folder / "grafana-dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    for expression in (*rules, *asked):
        named = METRIC.findall(expression)
        assert named, expression
        assert set(named) <= metrics, expression


def test_every_metric_is_in_the_documents(metrics: set[str]) -> None:
    told = set(METRIC.findall(OPERATIONS.read_text()))
    plain = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in metrics}
    assert {name for name in plain if name not in told} == set()


def test_every_alert_has_a_paragraph_and_a_severity() -> None:
    heads = {
        line.removeprefix("### ").lower() for line in OPERATIONS.read_text().splitlines() if line.startswith("### ")
    }
    rules = [rule for group in documents(DEPLOY / "prometheus" / "alerts.yaml")[0]["groups"] for rule in group["rules"]]
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"].lower() in heads, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("command", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")])
def test_promtool_accepts_the_rules(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_panel_of_the_dashboard_lies_over_another() -> None:
    panels = json.loads((DEPLOY / "prometheus" / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
