"""The code that verifies deliveries, run in each language that is installed on this machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import pytest

import config
from jobs.sign import sign
from webhooks_ui.models import secret_box
from webhooks_ui.views.webhooks import snippets

FOLDER = config.ROOT / "templates" / "webhooks" / "snippets"
BODY = '{"id":"evt_1","data":{"name":"Zoë \\u0000"}}'.encode()
NAMES = ("python", "javascript", "php", "go", "ruby", "openssl", "standardwebhooks")
GO_MAIN = """
package main

import (
	"encoding/json"
	"example/webhook"
	"fmt"
	"net/http"
	"os"
)

func main() {
	var given struct {
		Headers map[string]string
		Secret  string
	}
	json.NewDecoder(os.Stdin).Decode(&given)
	headers := http.Header{}
	for name, value := range given.Headers {
		headers.Set(name, value)
	}
	body, _ := os.ReadFile("body.json")
	fmt.Println(webhook.Verify(body, headers, given.Secret))
}
"""


class Case(TypedDict):
    """A delivery, and the secret that its receiver has."""

    body: bytes
    headers: dict[str, str]
    secret: str


def snippet(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text()


def python(folder: Path, case: Case, name: str = "python") -> bool:
    main = """
import json, sys
case = json.load(sys.stdin)
print(verify(open("body.json", "rb").read(), case["headers"], case["secret"]))
"""
    return run([sys.executable, "-c", snippet(name) + main], folder, case)


def standardwebhooks(folder: Path, case: Case) -> bool:
    return python(folder, case, "standardwebhooks")


def javascript(folder: Path, case: Case, kind: str = "module") -> bool:
    main = """
const fs = process.getBuiltinModule("node:fs");
const given = JSON.parse(fs.readFileSync(0));
console.log(verify(fs.readFileSync("body.json"), given.headers, given.secret));
"""
    return run(["node", f"--input-type={kind}", "-e", snippet("javascript") + main], folder, case)


def go(folder: Path, case: Case) -> bool:
    if not (folder / "example").exists():
        (folder / "webhook").mkdir()
        (folder / "webhook" / "verify.go").write_text(snippet("go"))
        (folder / "go.mod").write_text("module example\n\ngo 1.19\n")
        (folder / "main.go").write_text(GO_MAIN)
        subprocess.run(["go", "build", "-o", "example", "."], cwd=folder, check=True)
    return run([str(folder / "example")], folder, case)


def php(folder: Path, case: Case) -> bool:
    main = """
$case = json_decode(file_get_contents("php://stdin"), true);
echo json_encode(verify(file_get_contents("body.json"), $case["headers"], $case["secret"]));
"""
    return run(["php", "-r", snippet("php").removeprefix("<?php") + main], folder, case)


def ruby(folder: Path, case: Case) -> bool:
    main = """
given = JSON.parse($stdin.read)
puts verify(File.binread("body.json"), given["headers"], given["secret"])
"""
    return run(["ruby", "-rjson", "-e", snippet("ruby") + main], folder, case)


def openssl(folder: Path, case: Case) -> bool:
    headers = case["headers"]
    parts = ("ID", "TIMESTAMP", "SIGNATURE")
    environment = {part: headers.get(f"webhook-{part.lower()}", "") for part in parts} | {"SECRET": case["secret"]}
    return run(["sh", "-c", snippet("openssl")], folder, case, environment)


def run(command: list[str], folder: Path, case: Case, environment: dict[str, str] | None = None) -> bool:
    """Run the command. Return True if it says that the delivery is genuine."""
    (folder / "body.json").write_bytes(case["body"])
    given = json.dumps({"headers": case["headers"], "secret": case["secret"]}).encode()
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, env=os.environ | (environment or {}))
    assert done.stdout, done.stderr
    return done.stdout.decode().strip() in ("true", "True", "genuine")


RUNNERS = {
    "python": python,
    "javascript": javascript,
    "php": php,
    "go": go,
    "ruby": ruby,
    "openssl": openssl,
    "standardwebhooks": standardwebhooks,
}
PROGRAMS = {"python": sys.executable, "javascript": "node", "standardwebhooks": sys.executable}


def case(
    *,
    secrets: list[str] | None = None,
    secret: str | None = None,
    timestamp: int | None = None,
    body: bytes = BODY,
    signature: str | None = None,
    signs: bytes = BODY,
) -> Case:
    secret = secret or secret_box.generate()
    at = int(time.time()) if timestamp is None else timestamp
    keys = [secret_box.key_bytes(text) for text in secrets or [secret]]
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature or sign("evt_1", at, signs, keys),
    }
    return {"body": body, "headers": headers, "secret": secret}


def runner(language: str) -> Callable[[Path, Case], bool]:
    if shutil.which(PROGRAMS.get(language, language)) is None:
        pytest.skip(f"{language} is not installed")
    return RUNNERS[language]


@pytest.mark.parametrize("language", NAMES)
def test_the_code_that_is_shown_tells_genuine_deliveries_from_others(language: str, tmp_path: Path) -> None:
    verify = runner(language)
    mine = secret_box.generate()
    assert verify(tmp_path, case())
    assert verify(tmp_path, case(secret=mine, secrets=[secret_box.generate(), mine]))
    assert not verify(tmp_path, case(secret=mine, secrets=[secret_box.generate()]))
    assert not verify(tmp_path, case(body=BODY + b" "))
    assert not verify(tmp_path, case(signature="v1,é"))
    assert verify(tmp_path, case(timestamp=int(time.time()) - 200))
    for seconds in (-301, 310):
        assert not verify(tmp_path, case(timestamp=int(time.time()) + seconds))


@pytest.mark.parametrize("language", NAMES)
def test_a_missing_or_odd_header_is_refused_without_an_error(language: str, tmp_path: Path) -> None:
    verify = runner(language)
    for name in ("id", "timestamp", "signature"):
        missing = case()
        del missing["headers"][f"webhook-{name}"]
        assert not verify(tmp_path, missing)
    for signature in ("", "v1", "v1,", "nonsense", ", ,"):
        odd = case()
        odd["headers"]["webhook-signature"] = signature
        assert not verify(tmp_path, odd)
    for timestamp in ("", "soon", "-1", "9" * 400):
        odd = case()
        odd["headers"]["webhook-timestamp"] = timestamp
        assert not verify(tmp_path, odd)


@pytest.mark.parametrize("language", ["python", "php", "standardwebhooks"])
def test_header_names_may_have_any_case(language: str, tmp_path: Path) -> None:
    """Servers pass them on as they like: getallheaders() of PHP under FPM gives Webhook-Id."""
    given = case()
    given["headers"] = {name.title(): value for name, value in given["headers"].items()}
    assert runner(language)(tmp_path, given)


@pytest.mark.parametrize("kind", ["module", "commonjs"])
def test_the_javascript_runs_in_modules_of_both_kinds(kind: str, tmp_path: Path) -> None:
    runner("javascript")
    assert javascript(tmp_path, case(), kind)
    assert not javascript(tmp_path, case(body=BODY + b" "), kind)


@pytest.mark.parametrize("language", snippets.NAMES)
def test_the_documentation_shows_the_same_code(language: str) -> None:
    assert snippet(language).strip() in Path(config.ROOT / "docs" / "verifying.md").read_text()
