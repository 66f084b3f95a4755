"""How much is copied while the parser reads a request that is in memory."""

import io
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.parser import RequestParser

from webhooks_ui.run.door.held import Held

MIB = 1024 * 1024
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"


def with_length(size: int) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


def in_chunks(size: int) -> bytes:
    chunk = b"400\r\n" + b"x" * 1_024 + b"\r\n"
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (size // 1_024) + b"0\r\n\r\n"


def parser_of(data: bytes) -> RequestParser:
    parser = RequestParser(Config(), iter(()), ("203.0.113.9", 1))
    parser.unreader = Held(data)
    return parser


@pytest.mark.parametrize("request_of", [with_length, in_chunks])
def test_a_large_body_is_copied_a_few_times_only(request_of: object, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0

    class Buffer(io.BytesIO):
        def write(self, data: object) -> int:
            nonlocal copied
            copied += len(data)  # type: ignore[arg-type]
            return super().write(data)  # type: ignore[arg-type]

    def parse_chunk_size(reader: ChunkedReader, unreader: Held, data: bytes | None = None) -> object:
        nonlocal copied
        copied += len(data or b"")
        return parse(reader, unreader, data)

    parse = ChunkedReader.parse_chunk_size
    monkeypatch.setattr("gunicorn.http.unreader.io", SimpleNamespace(BytesIO=Buffer))
    monkeypatch.setattr(ChunkedReader, "parse_chunk_size", parse_chunk_size)
    times = []
    for size in (MIB, 8 * MIB):
        copied = 0
        body = next(parser_of(request_of(size))).body  # type: ignore[operator]
        assert sum(map(len, iter(lambda: body.read(65_536), b""))) == size  # noqa: B023
        times.append(copied / size)
    assert max(times) < 10, f"each byte is copied {times} times"


@pytest.mark.parametrize("request_of", [with_length, in_chunks])
@pytest.mark.parametrize("size", [0, 1_024, 65_536])
def test_what_follows_a_request_is_kept_for_the_next_one(request_of: object, size: int) -> None:
    parser = parser_of(request_of(size) + NEXT)  # type: ignore[operator]
    held = parser.unreader
    assert next(parser).body.read() == b"x" * size
    held.keep_rest()
    assert held.take_buffered() == NEXT
    assert not held.ran_out


def test_a_request_that_is_not_whole_runs_out() -> None:
    parser = parser_of(with_length(65_536)[:-1])
    assert len(next(parser).body.read()) == 65_535
    assert parser.unreader.ran_out
