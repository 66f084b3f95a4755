import gzip
import zlib

import pytest

from jobs.transport.decode import Undecodable, as_utf8, decode

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


@pytest.mark.parametrize("rest", [b"\r\n", bytes(10), b"<!-- 0.2 s -->"])
def test_what_follows_a_compressed_body_is_ignored(rest: bytes) -> None:
    assert decode(gzip.compress(TEXT) + rest, ["gzip"]) == TEXT
    assert decode(zlib.compress(TEXT) + rest, ["deflate"]) == TEXT


def test_a_plain_text_that_begins_like_raw_deflate_is_not_decoded() -> None:
    with pytest.raises(Undecodable, match="header"):
        decode(raw_deflate(b"x") + b" plain", ["gzip"])


def test_a_coding_that_nobody_asked_for_and_nobody_knows_is_left() -> None:
    assert decode(b"\x1b\x00", ["br"]) == b"\x1b\x00"


def test_no_more_is_decoded_than_is_kept() -> None:
    assert len(decode(gzip.compress(bytes(50_000_000)), ["gzip"])) == 10 * 1024 + 1


def test_countless_empty_parts_cost_little() -> None:
    assert decode(gzip.compress(b"") * 3_000, ["gzip"]) == b""


def test_a_body_in_chunks_is_joined_as_far_as_it_goes() -> None:
    assert decode(b"3;name=value\r\nabc\r\n0002\r\nde\r\n5\r\nfg", ["chunked"]) == b"abcdefg"
    assert decode(b"1\r\na\r\n0\r\n\r\n1\r\nb\r\n", ["chunked"]) == b"a"
    assert decode(b"fffffffffffffff\r\na", ["chunked"]) == b"a"


def test_a_body_in_countless_codings_is_left() -> None:
    """Each costs time, and there are bodies that gunzip to themselves."""
    with pytest.raises(Undecodable, match="it is in 9,000 codings"):
        decode(gzip.compress(TEXT), ["gzip"] * 9_000)


def test_what_is_not_compressed_can_not_be_decoded() -> None:
    with pytest.raises(Undecodable, match="header"):
        decode(b"plain", ["gzip"])


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-8859-1", "Schlüssel ungültig"),
        ("ISO-8859-15", "5 €"),
        ('"windows-1252"', "“5 €”"),
        ("Shift_JIS", "エラーが発生しました"),
        ("EUC-JP", "エラー"),
        ("iso-2022-jp", "エラー"),
        ("gb2312", "错误"),
        ("gb18030", "错误"),
        ("big5", "錯誤"),
        ("euc-kr", "오류"),
        ("koi8-r", "Ошибка"),
        ("windows-1251", "Ошибка"),
        ("utf-16", "Error ü"),
        ("utf-16le", "Error ü"),
        ("utf-8", "Error ü"),
        ("utf8", "Error ü"),
    ],
)
def test_a_text_in_another_charset_becomes_utf_8(charset: str, text: str) -> None:
    body = text.encode(charset.strip('"'))
    assert as_utf8(body, f"text/html; Charset={charset}; x=y").decode() == text


@pytest.mark.parametrize("charset", ["", "none", "rot13", "hex", "punycode", "utf-7", "iso-8859-17", "latin1x", "\0"])
def test_what_is_no_charset_that_we_know_changes_nothing(charset: str) -> None:
    assert as_utf8(b"+AHM- \xff", f"text/plain; charset={charset}") == b"+AHM- \xff"


def test_utf_16_without_a_byte_order_mark_is_read_as_browsers_do() -> None:
    assert as_utf8("Error ü".encode("utf-16-le"), "text/plain; charset=UTF-16").decode() == "Error ü"


@pytest.mark.parametrize("charset", ["utf-16", "utf-16be", "shift_jis", "iso-2022-jp", "gb18030", "iso-8859-6"])
@pytest.mark.parametrize(
    "body", [b"", b"\x1b", b"\x1b(\x1b\xcc\xce\xa6\x96v.a", bytes(range(256)), bytes(range(255, -1, -1))]
)
def test_any_bytes_can_be_read_in_any_charset(charset: str, body: bytes) -> None:
    as_utf8(body, f"text/plain; charset={charset}").decode()


def test_half_a_character_at_the_end_is_dropped() -> None:
    assert as_utf8("ああ".encode("shift_jis")[:-1], "text/plain; charset=shift_jis").decode() == "あ"
