"""Held: the bytes of a request that is in memory, as gunicorn's parser reads them."""

import io

from gunicorn.http.unreader import Unreader

PIECE_BYTES = 8 * 1024  # that the parser gets at once


class Held(Unreader):  # type: ignore[misc]
    """Gives the parser the bytes of a request that is in memory, in pieces, and never more.

    gunicorn copies what is left of a piece for each chunk, and for each part of a body that the application reads. If
    it had all bytes at once, a body in small chunks would keep a thread busy for minutes.
    """

    ran_out = False
    """The parser expected more. So nobody knows where the next request begins."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data
        self._at = 0  # everything before this position was given

    def chunk(self, size_hint: int | None = None) -> bytes:
        piece = self._data[self._at : self._at + PIECE_BYTES]
        self._at += len(piece)
        if self._at == len(self._data):
            self._data, self._at = b"", 0  # the application has a copy, and this one takes memory
        self.ran_out = not piece
        return piece

    def keep_rest(self) -> None:
        """Keep what was not given where gunicorn looks for the next request."""
        self.buf.seek(0, io.SEEK_END)
        self.buf.write(self._data[self._at :])
        self._data, self._at = b"", 0
