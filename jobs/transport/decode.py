"""Decode: the first bytes of a body in chunks, of a compressed one, or of one that isn't UTF-8.

Nothing more is decoded than is kept, so that a small body which stands for a huge one costs no memory.
"""

import re
import zlib
from collections.abc import Sequence

from jobs.transport.handle import BODY_KEPT_BYTES

PARTS_MAX = 100
CODINGS_MAX = 5  # a head has room for thousands, and a body may be what it is decoded to
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[^\n]*\n")
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15  # of zlib's window bits
_GZIP_START = b"\x1f\x8b"
_ZLIB_CODINGS = ("gzip", "x-gzip", "deflate")
_CHARSET = re.compile(
    r"""\bcharset\s*=\s*["']?(
    iso-8859-(?:1[013456]|[1-9]) | latin1 | windows-125[0-8] | koi8-[ru] | utf-16(?:le|be)?
    | shift[_-]jis | euc-(?:jp|kr) | iso-2022-jp | gb(?:2312|k|18030) | big5
    )(?![a-z0-9_-])""",
    re.IGNORECASE | re.VERBOSE,
)


class Undecodable(Exception):
    """The body isn't in the coding that its header names."""


def decode(body: bytes, codings: Sequence[str]) -> bytes:
    """Return the first bytes of the decoded body, at most one more than are kept.

    A coding that we don't know, of which none is asked for, is left as it is.

    Args:
        codings: the names in Content-Encoding and Transfer-Encoding, in the order in which they were applied.

    Raises:
        Undecodable: it isn't in that coding, or has too many.
    """
    if len(codings) > CODINGS_MAX:
        raise Undecodable(f"it is in {len(codings):,} codings")
    for coding in reversed(codings):
        if coding == "chunked":
            body = _joined(body)
        elif coding in _ZLIB_CODINGS:
            body = _inflate(body)
        elif coding != "identity":
            return body
    return body[: BODY_KEPT_BYTES + 1]


def as_utf8(body: bytes, content_type: str) -> bytes:
    """Return ``body`` in UTF-8. Its charset is the one in ``content_type``, or UTF-8 if that names none that we know.

    An endpoint may name anything, so Python isn't asked for other names. It knows codecs that are no charsets, and
    remembers each name that it doesn't know. A character that was cut at the end is dropped.
    """
    charset = _CHARSET.search(content_type)  # Python's incremental decoders raise errors although they are to replace
    return body.decode(charset[1], "replace").removesuffix("\ufffd").encode() if charset else body


def _joined(body: bytes) -> bytes:
    """Return the data of the chunks, as far as they are whole (RFC 9112, section 7.1)."""
    joined, at = bytearray(), 0
    while (size := _SIZE.match(body, at)) and (length := int(size[1], 16)):
        at = size.end() + length
        joined += body[size.end() : at]
        at += len(b"\r\n")
    return bytes(joined)


def _inflate(body: bytes) -> bytes:
    try:
        return _inflated(body, _GZIP_OR_ZLIB)
    except zlib.error as error:
        try:
            return _inflated(body, _RAW_DEFLATE)  # what some servers call deflate
        except zlib.error:
            raise Undecodable(str(error)) from error


def _inflated(body: bytes, window_bits: int) -> bytes:
    """Return the first bytes of all that ``body`` holds, one part after the other (RFC 1952, section 2.2).

    What follows and is no part, such as line ends, is left out. Browsers and gzip ignore it, too.
    """
    decoded = b""
    for _ in range(PARTS_MAX):
        decoder = zlib.decompressobj(window_bits)
        decoded += decoder.decompress(body, BODY_KEPT_BYTES + 1 - len(decoded))
        body = decoder.unused_data
        if not body.startswith(_GZIP_START) or len(decoded) > BODY_KEPT_BYTES:
            break
    if body and window_bits == _RAW_DEFLATE:  # which has no header, so that a plain text may look like it
        raise zlib.error("more follows")
    return decoded
