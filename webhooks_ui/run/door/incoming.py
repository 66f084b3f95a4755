"""Decides when a request has arrived whole. gunicorn's parser then reads it from memory, and judges what is in it."""

import re

HEAD_MAX_BYTES = 64 * 1024
CHUNK_LINE_MAX_BYTES = 8_190
CHUNKS_MAX = 16_384
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_ENCODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;.*)?")


class Incoming:
    """The bytes of one request, as far as they have arrived.

    This decides only how many bytes to wait for. What is wrong with a request is the parser's to say, so a request that
    looks wrong counts as whole. A wrong guess can't let one request run into the next, because the parser gets no more
    bytes than these.

    Args:
        body_max_bytes: The largest body that the application takes.
    """

    def __init__(self, body_max_bytes: int) -> None:
        self.data = bytearray()
        self.has_head = False
        self.is_whole = False
        self.is_cut = False
        """The body is missing, because its announced length is over the limit. The connection can't be used again."""
        self.refused_with: int | None = None
        """The status to answer with, if the request is larger than what may be read of it."""
        self.expects_continue = False
        self._body_max_bytes = body_max_bytes
        self._needed_bytes = 0
        self.is_chunked = False
        self._at = 0  # everything before this position was looked at
        self._body_bytes = 0
        self._chunks = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes from the connection."""
        self.data += data
        if not self.has_head:
            self._look_for_head()
        if self.has_head and self.is_chunked and not self.is_whole:
            self._follow_chunks()
        elif self.has_head and len(self.data) >= self._needed_bytes:
            self.is_whole = True

    def _look_for_head(self) -> None:
        end = self.data.find(_END, max(0, self._at - len(_END) + 1))
        self._at = len(self.data)
        if (end if end >= 0 else len(self.data)) > HEAD_MAX_BYTES:
            self.refused_with = 431
            return
        if end < 0:
            return
        self.has_head = True
        head = bytes(self.data[: end + len(_END)])
        self._at = self._needed_bytes = len(head)
        self.is_chunked = _CHUNKED.search(head) is not None
        length = None if _ENCODED.search(head) else _LENGTH.search(head)
        if length:
            self.is_cut = int(length[1]) > self._body_max_bytes
            self._needed_bytes += 0 if self.is_cut else int(length[1])
        is_old = head.partition(b"\r\n")[0].endswith(b" HTTP/1.0")  # it knows no interim answers (RFC 9110, 10.1.1)
        self.expects_continue = _EXPECTS.search(head) is not None and not self.is_cut and not is_old

    def _follow_chunks(self) -> None:
        """Go from chunk to chunk (RFC 9112, section 7.1) as far as the data reaches.

        A body may have ``CHUNKS_MAX`` chunks, whatever their size, because each costs time of the thread that reads for
        all clients. The largest body has half as many if its chunks have 1 KiB.
        """
        while self._at <= len(self.data):
            end = self.data.find(b"\r\n", self._at, self._at + CHUNK_LINE_MAX_BYTES)
            if end < 0:
                self.is_whole = len(self.data) - self._at >= CHUNK_LINE_MAX_BYTES
                return
            size = _CHUNK_SIZE.fullmatch(self.data[self._at : end])
            if not size:
                self.is_whole = True
                return
            if int(size[1], 16) == 0:
                self._look_for_trailers(end)
                return
            self._body_bytes += int(size[1], 16)
            self._chunks += 1
            if self._body_bytes > self._body_max_bytes or self._chunks > CHUNKS_MAX:
                self.refused_with = 413
                return
            self._at = end + 2 + int(size[1], 16) + 2

    def _look_for_trailers(self, end: int) -> None:
        """Look for the empty line behind the last chunk, whose own line ends at ``end``."""
        self.is_whole = self.data.find(_END, end) >= 0
        if not self.is_whole and len(self.data) - end > HEAD_MAX_BYTES:
            self.refused_with = 431
