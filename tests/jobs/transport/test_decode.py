import gzip
import zlib

import pytest

from jobs.transport.decode import Undecodable, decode

TEXT = b"The quick brown fox. " * 20


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (TEXT, []),
        (TEXT, ["identity"]),
        (gzip.compress(TEXT), ["gzip"]),
        (gzip.compress(TEXT), ["x-gzip"]),
        (zlib.compress(TEXT), ["deflate"]),
        (raw_deflate(TEXT), ["deflate"]),
        (gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]), ["gzip"]),
        (gzip.compress(zlib.compress(TEXT)), ["deflate", "gzip"]),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "zlib", "raw deflate", "two parts", "two codings"],
)
def test_what_endpoints_compress_is_decoded(body: bytes, codings: list[str]) -> None:
    assert decode(body, codings) == TEXT


def test_a_body_that_breaks_off_is_decoded_as_far_as_it_goes() -> None:
    assert TEXT.startswith(decode(gzip.compress(TEXT)[:-12], ["gzip"]))


def test_a_coding_that_nobody_asked_for_and_nobody_knows_is_left() -> None:
    assert decode(b"\x1b\x00", ["br"]) == b"\x1b\x00"


def test_no_more_is_decoded_than_is_kept() -> None:
    assert len(decode(gzip.compress(bytes(50_000_000)), ["gzip"])) == 10 * 1024 + 1


def test_countless_empty_parts_cost_little() -> None:
    assert decode(gzip.compress(b"") * 3_000, ["gzip"]) == b""


def test_what_is_not_compressed_can_not_be_decoded() -> None:
    with pytest.raises(Undecodable, match="header"):
        decode(b"plain", ["gzip"])
