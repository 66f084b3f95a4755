"""The endpoints that are shown for each framework, run with those frameworks that are installed on this machine."""

import contextlib
import http.client
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rig import free_port
from tests.support.waiting import wait_for
from tests.webhooks_ui.views.webhooks.test_snippets import Case, case, snippet

SERVERS = {
    "flask": "from receiver import app\napp.run(port=PORT)",
    "fastapi": "import uvicorn\nfrom receiver import app\nuvicorn.run(app, port=PORT)",
    "django": """
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
import django
django.setup()
from django.core.wsgi import get_wsgi_application
from django.urls import path
from receiver import receive
from wsgiref.simple_server import make_server
urlpatterns = [path("webhooks", receive)]
make_server("127.0.0.1", PORT, get_wsgi_application()).serve_forever()
""",
}
# A new application since Rails 7.1: lib/ is loaded at once in production, so each file there must define its constant
RAILS = """
require "rails"
require "action_controller/railtie"
class Application < Rails::Application
  config.load_defaults Rails::VERSION::STRING.to_f
  config.root = Dir.pwd
  config.eager_load = true
  config.autoload_paths << "#{Dir.pwd}/lib"
  config.eager_load_paths << "#{Dir.pwd}/lib"
  config.logger = Logger.new(nil)
  config.secret_key_base = "x" * 40
  config.hosts.clear
  routes.append { post "/webhooks", to: "webhooks#create" }
end
class ApplicationController < ActionController::API; end
Application.initialize!
"""
NAMES = (*SERVERS, "node", "express", "rails")
NEEDS = {"fastapi": "uvicorn"}
BODY = b'{"id":"evt_1","type":"license.created"}'
MODULES = os.environ.get("NODE_MODULES", "")  # a folder node_modules that has express


def command(name: str, folder: Path, port: int) -> list[str]:
    """Write the endpoint of ``name`` into the folder. Return the command that serves it at ``port``."""
    if name in SERVERS:
        for module in (name, NEEDS.get(name, name)):
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed")
        (folder / "verify.py").write_text(snippet("python"))
        (folder / "receiver.py").write_text(snippet(name))
        (folder / "main.py").write_text(SERVERS[name].replace("PORT", str(port)))
        return [sys.executable, "main.py"]
    if name == "rails":
        return rails(folder, port)
    if shutil.which("node") is None or (name == "express" and not MODULES):
        pytest.skip(f"{name} is not installed")
    if MODULES:
        (folder / "node_modules").symlink_to(MODULES)
    (folder / "main.mjs").write_text(f"{snippet('javascript')}\n{snippet(name)}")
    return ["node", "main.mjs"]


def rails(folder: Path, port: int) -> list[str]:
    if (
        shutil.which("puma") is None
        or subprocess.run(["ruby", "-e", 'require "rails"'], stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip("rails is not installed")
    text = snippet("rails")
    named = re.search(r"# Save the code under Ruby as (\S+\.rb)\.", text)
    assert named
    for path, code in ((named[1], snippet("ruby")), ("app/controllers/webhooks_controller.rb", text)):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(code)
    (folder / "application.rb").write_text(RAILS)
    (folder / "config.ru").write_text('require_relative "application"\nrun Application\n')
    return ["puma", "--quiet", "--bind", f"tcp://127.0.0.1:{port}"]


def status(port: int, given: Case, content_type: str | None = "application/json") -> int | None:
    """Send the delivery. Return the status of the answer, or ``None`` if nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {name: value.encode() for name, value in given["headers"].items()}
        headers |= {"Content-Type": content_type.encode()} if content_type else {}
        connection.request("POST", "/webhooks", given["body"], headers)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


@contextlib.contextmanager
def served(name: str, folder: Path, secret: str) -> Iterator[int]:
    """Serve the endpoint of ``name``. Give its port."""
    port = free_port()
    environment = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    process = subprocess.Popen(command(name, folder, port), cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: status(port, case()) is not None, what=f"the endpoint of {name} answers")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("name", NAMES)
def test_the_endpoint_takes_genuine_deliveries_and_refuses_others(name: str, tmp_path: Path) -> None:
    genuine = case(body=BODY, signs=BODY)
    with served(name, tmp_path, genuine["secret"]) as port:
        assert status(port, genuine) == 204
        assert status(port, case(secret=genuine["secret"], body=BODY + b" ", signs=BODY)) == 401
        for header in genuine["headers"]:
            without = case(secret=genuine["secret"], body=BODY, signs=BODY)
            del without["headers"][header]
            assert status(port, without) == 401


@pytest.mark.parametrize("name", NAMES)
def test_the_endpoint_refuses_what_has_no_body_or_no_type(name: str, tmp_path: Path) -> None:
    genuine = case(body=BODY, signs=BODY)
    with served(name, tmp_path, genuine["secret"]) as port:
        for body in (b"", b"{}"):
            for content_type in (None, "application/json", "text/plain"):
                other = case(secret=genuine["secret"], body=body, signs=BODY)
                assert status(port, other, content_type) == 401, (body, content_type)


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_goes_away_in_the_middle_does_not_end_the_endpoint(name: str, tmp_path: Path) -> None:
    genuine = case(body=BODY, signs=BODY)
    with served(name, tmp_path, genuine["secret"]) as port:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"POST /webhooks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                client.recv(1024)
        assert status(port, genuine) == 204
