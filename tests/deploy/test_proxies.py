"""The configurations in docs/deploy, each with its real proxy in front of the running portal."""

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config import ROOT
from tests.support.certificates import make_certificate
from tests.support.factories import make_api_key
from tests.support.rig import Rig, free_port
from tests.support.waiting import wait_for
from webhooks_ui.web.sign_in_throttle import FAILURES_PER_MINUTE

NAME = "portal.example.com"
PIECE_BYTES = 64 * 1024
Start = Callable[[Path, int, int, tuple[Path, Path]], list[str]]


def replaced(text: str, **places: tuple[str, str]) -> str:
    """Return ``text`` with each pair replaced. Fail if one isn't there, because the test would try something else."""
    for old, new in places.values():
        assert old in text
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, portal: int, tls: tuple[Path, Path]) -> list[str]:
    """Write the configuration of nginx for this machine. Return the command that runs it."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed (on Debian: apt-get install nginx)")
    site = replaced(
        (ROOT / "docs" / "deploy" / "nginx.conf").read_text(),
        upstream=("server 127.0.0.1:8000 ", f"server 127.0.0.1:{portal} "),
        plain=("    listen 80;\n    listen [::]:80;\n", f"    listen 127.0.0.1:{free_port()};\n"),
        secure=("    listen 443 ssl;\n    listen [::]:443 ssl;\n", f"    listen 127.0.0.1:{port} ssl;\n"),
        certificate=("/etc/nginx/tls/portal.crt", str(tls[0])),
        key=("/etc/nginx/tls/portal.key", str(tls[1])),
    )
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
    )
    return [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, port: int, portal: int, tls: tuple[Path, Path]) -> list[str]:
    """Write the configuration of Caddy for this machine. Return the command that runs it."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed (on Debian: apt-get install caddy)")
    site = replaced(
        (ROOT / "docs" / "deploy" / "Caddyfile").read_text(),
        options=("{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {"),
        name=(f"\n{NAME} {{", f"\nhttps://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {tls[0]} {tls[1]}"),
        upstream=("127.0.0.1:8000", f"127.0.0.1:{portal}"),
    )
    (folder / "Caddyfile").write_text(site)
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


class Site:
    """The portal as a browser sees it."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self._context = ssl.create_default_context(cafile=str(certificate))

    def ask(
        self, method: str, path: str, body: bytes | None = None, host: str = NAME, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        connection = http.client.HTTPSConnection(NAME, self.port, timeout=20)
        connection.sock = self._context.wrap_socket(raw, server_hostname=NAME)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Host": host} | named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def upload(self, path: str, size: int, **headers: str) -> bytes:
        """Send a large body, and stop as soon as there is an answer. Return its beginning."""
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        with self._context.wrap_socket(raw, server_hostname=NAME) as connection:
            lines = [f"POST {path} HTTP/1.1", f"Host: {NAME}", f"Content-Length: {size}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            for sent in range(0, size, PIECE_BYTES):
                if answer := _arrived(connection):
                    return answer
                connection.sendall(b" " * min(PIECE_BYTES, size - sent))
            return connection.recv(PIECE_BYTES)


def _arrived(connection: ssl.SSLSocket) -> bytes:
    """Return what has arrived, without waiting."""
    connection.setblocking(False)
    try:
        return connection.recv(PIECE_BYTES)
    except ssl.SSLWantReadError:
        return b""
    finally:
        connection.settimeout(20)


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Site, Rig]]:
    start: Start = request.param
    folder, port = tmp_path / "proxy", free_port()
    folder.mkdir()
    tls = make_certificate(folder, NAME, days=2)
    (tmp_path / "instance").mkdir()
    with Rig(tmp_path / "instance", TRUSTED_PROXIES="1", PUBLIC_URL=f"https://{NAME}") as rig:
        command = start(folder, port, rig.port, tls)
        rig.start_web()
        environ = os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
        with (folder / "output").open("wb") as output:
            proxy = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        portal = Site(port, tls[0])

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return portal.ask("GET", "/healthz")[0] == 200
            return False

        try:
            wait_for(answers, what="the proxy answers")
            yield portal, rig
        finally:
            proxy.terminate()
            proxy.wait()


def test_the_portal_works_behind_the_proxy(site: tuple[Site, Rig]) -> None:
    portal, rig = site
    status, headers, page = portal.ask("GET", "/login")
    assert status == 200
    assert "Strict-Transport-Security" in headers, "the portal doesn't know that the browser speaks https"
    assert b"csrf_token" in page
    assert portal.ask("GET", "/admin")[1]["Location"].startswith("/")
    assert portal.ask("GET", "/metrics")[0] == 403
    with rig.app.app_context():
        _, key = make_api_key()
    bearer = f"Bearer {key}"
    event = b'{"type":"license.activated","data":{"id":"1"}}'
    assert portal.ask("POST", "/api/v1/events", event, Authorization=bearer)[0] == 202
    answer = portal.upload("/api/v1/events", 8 * 1024 * 1024 + 1, Authorization=bearer)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


def test_a_foreign_host_reaches_no_page(site: tuple[Site, Rig]) -> None:
    status, _, page = site[0].ask("GET", "/login", host="evil.example")
    assert status == 400 or b"csrf_token" not in page


def test_a_client_cannot_choose_its_address(site: tuple[Site, Rig]) -> None:
    portal, rig = site
    statuses = [sign_in_wrongly(portal, f"198.51.100.{number}") for number in range(FAILURES_PER_MINUTE + 1)]
    assert statuses == [422] * FAILURES_PER_MINUTE + [429]
    redis = rig.app.extensions["redis"]
    assert redis.keys("webhooks/sign-in/address/*") == [b"webhooks/sign-in/address/127.0.0.1"]


def sign_in_wrongly(portal: Site, forged: str) -> int:
    _, headers, page = portal.ask("GET", "/login")
    token = page.split(b'name="csrf_token"', 1)[1].split(b'value="', 1)[1].split(b'"', 1)[0].decode()
    cookie = headers["Set-Cookie"].partition(";")[0]
    form = f"csrf_token={token}&email=admin%40example.com&password=wrong".encode()
    status, _, _ = portal.ask(
        "POST",
        "/login",
        form,
        Cookie=cookie,
        Referer=f"https://{NAME}/login",
        Content_Type="application/x-www-form-urlencoded",
        X_Forwarded_For=forged,
        Forwarded=f"for={forged}",
        X_Real_IP=forged,
    )
    return status


def test_nginx_asks_a_web_server_again_soon_after_its_restart(tmp_path: Path) -> None:
    """If the next one is restarted then, nobody gets a 502."""
    port, first, second = free_port(), free_port(), free_port()
    tls = make_certificate(tmp_path, NAME, days=2)
    command = nginx(tmp_path, port, first, tls)
    text = (tmp_path / "site.conf").read_text()
    (line,) = [line for line in text.splitlines() if f"127.0.0.1:{first}" in line]
    (tmp_path / "site.conf").write_text(text.replace(line, f"{line}\n{line.replace(str(first), str(second))}"))
    portal = Site(port, tls[0])

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return portal.ask("GET", "/")[0] == 200
        return False

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as proxy:
        try:
            with answering(second):
                wait_for(answers, what="nginx answers")
                assert all(answers() for _ in range(4))  # the first one refuses
            with answering(first):
                wait_for(answers, 5, what="nginx asks the first one")
        finally:
            proxy.kill()


@contextlib.contextmanager
def answering(port: int) -> Iterator[None]:
    """Run a web server that answers each GET with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
