"""The route that is shown for Laravel, run as Laravel runs it from its cache: without the rest of its file."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.webhooks_ui.views.webhooks.test_snippets import BODY, Case, case, snippet

# What the route takes from Laravel
MAIN = r"""
namespace Illuminate\Http {
    class Request
    {
        public $headers;
        public function __construct(private array $given) { $this->headers = $this; }
        public function all(): array { return array_map(fn ($value) => [$value], $this->given); }
        public function getContent(): string { return file_get_contents('body.json'); }
    }
}
namespace {
    use Illuminate\Http\Request;
    $case = json_decode(file_get_contents('php://stdin'), true);
    function app_path(string $name): string { return getcwd() . "/app/$name"; }
    function config(string $name): string { return $GLOBALS['case']['secret']; }
    function logger() { return new class { public function info(...$all): void {} }; }
    function response() { return new class { public function noContent(int $status = 204): int { return $status; } }; }
    $route = ROUTE;
    foreach ([1, 2] as $time) {
        echo $route(new Request($case['headers'])), "\n";
    }
}
"""


def answers(folder: Path, given: Case) -> list[str]:
    """Return the statuses of the answers to the delivery, which arrives twice."""
    text = snippet("laravel")
    route = text[text.index("function (Request") : text.rindex("});") + 1]
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "verify.php").write_text(snippet("php"))
    (folder / "body.json").write_bytes(given["body"])
    case_text = json.dumps({"headers": given["headers"], "secret": given["secret"]})
    done = subprocess.run(
        ["php", "-r", MAIN.replace("ROUTE", route)], cwd=folder, input=case_text, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("php") is None, reason="php is not installed")
def test_the_route_for_laravel_works_from_the_cache(tmp_path: Path) -> None:
    body = b'{"id":"evt_1","type":"license.created"}'
    assert answers(tmp_path, case(body=body, signs=body)) == ["204", "204"]
    assert answers(tmp_path, case(body=body, signs=BODY)) == ["401", "401"]
