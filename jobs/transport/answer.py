"""The answer of an endpoint, as http.client reads it, but for two things: a head must end, and interim answers pass."""

import http.client
from typing import Any

LINE_MAX_BYTES = 65_536
SWITCHING_PROTOCOLS = 101


class Answer(http.client.HTTPResponse):
    """An ``HTTPResponse`` whose head was received whole."""

    def begin(self) -> None:
        """Read the head of the final answer.

        Raises:
            http.client.RemoteDisconnected: the peer closed without a byte.
            http.client.HTTPException: it closed in the middle of the head, or it is no HTTP.
        """
        stream: Any = self.fp
        self.fp: Any = _Head(stream)
        try:
            super().begin()
        finally:
            if isinstance(self.fp, _Head):
                self.fp = stream

    def _read_status(self) -> Any:
        """Pass over interim answers, such as 103: the final one follows (RFC 9110, 15.2). http.client knows but 100."""
        status_line = super()._read_status()  # type: ignore[misc]
        while 100 < status_line[1] < 200 and status_line[1] != SWITCHING_PROTOCOLS:
            while self.fp.readline(LINE_MAX_BYTES).strip():
                pass
            status_line = super()._read_status()  # type: ignore[misc]
        return status_line

    @property
    def leaves_connection_usable(self) -> bool:
        """Whether it was read to its end, and HTTP is spoken on after it."""
        return self.isclosed() and self.status != SWITCHING_PROTOCOLS


class _Head:
    """The lines of a head. http.client takes the end of the stream for the end of the head: this doesn't."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._begun = False

    def readline(self, limit: int) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            if not line and not self._begun:
                raise http.client.RemoteDisconnected("The endpoint closed the connection without an answer")
            raise http.client.HTTPException("The head of the answer broke off")
        self._begun = True
        return line

    def close(self) -> None:
        self._stream.close()
