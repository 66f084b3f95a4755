"""When a request has arrived whole."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks_ui.run.door.incoming import CHUNKS_MAX, HEAD_MAX_BYTES, Incoming

LIMIT = 1_000
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n3\r\n0\r\n\r\n0\r\n\r\n"
TRAILERS = CHUNKED.removesuffix(b"\r\n") + b"X-Sum: 1\r\n\r\n"


def arrived(data: bytes) -> Incoming:
    incoming = Incoming(LIMIT)
    incoming.add(data)
    return incoming


@pytest.mark.parametrize("request_", [GET, POST, POST.replace(b"Content-Length", b"content-length"), CHUNKED, TRAILERS])
def test_a_request_is_whole_with_its_last_byte_and_not_before(request_: bytes) -> None:
    incoming = Incoming(LIMIT)
    for position in range(len(request_)):
        assert not incoming.is_whole, request_[:position]
        incoming.add(request_[position : position + 1])
    assert incoming.is_whole
    assert not incoming.refused_with


@given(cuts=st.lists(st.integers(1, len(TRAILERS) - 1), max_size=6).map(sorted))
def test_how_it_is_cut_into_pieces_does_not_matter(cuts: list[int]) -> None:
    incoming = Incoming(LIMIT)
    edges = [0, *cuts, len(TRAILERS)]
    for start, end in pairwise(edges):
        incoming.add(TRAILERS[start:end])
    assert incoming.is_whole


@given(data=st.binary(max_size=300))
def test_any_bytes_get_a_decision_and_no_error(data: bytes) -> None:
    arrived(data)
    arrived(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + data)


def test_a_second_request_behind_the_first_is_kept() -> None:
    assert arrived(GET + POST).is_whole
    assert bytes(arrived(GET + POST).data) == GET + POST


def test_a_body_over_the_limit_is_not_waited_for() -> None:
    incoming = arrived(POST.replace(b": 5", b": 1001"))
    assert incoming.is_whole
    assert incoming.is_cut
    assert not arrived(POST.replace(b": 5", b": 1000")).is_whole


def test_chunks_over_the_limit_are_refused_before_they_arrive() -> None:
    assert arrived(CHUNKED.replace(b"3\r\n", b"3e4\r\n")).refused_with == 413


def test_a_body_of_too_many_chunks_is_refused_however_small_it_is() -> None:
    head, chunk = CHUNKED.partition(b"5;a=b")[0], b"1\r\na\r\n"
    incoming = Incoming(8 * 1024 * 1024)
    incoming.add(head + chunk * CHUNKS_MAX)
    assert incoming.refused_with is None
    incoming.add(chunk)
    assert incoming.refused_with == 413


def test_the_largest_body_may_come_in_chunks_of_half_a_kib() -> None:
    head, chunk = CHUNKED.partition(b"5;a=b")[0], b"200\r\n" + b"a" * 512 + b"\r\n"
    incoming = Incoming(8 * 1024 * 1024)
    incoming.add(head + chunk * (8 * 1024 * 1024 // 512) + b"0\r\n\r\n")
    assert incoming.is_whole
    assert incoming.refused_with is None


def test_a_head_or_trailers_without_end_are_refused() -> None:
    assert arrived(b"GET / HTTP/1.1\r\nX: " + b"a" * HEAD_MAX_BYTES).refused_with == 431
    assert arrived(CHUNKED.removesuffix(b"\r\n") + b"X: " + b"a" * HEAD_MAX_BYTES).refused_with == 431


@pytest.mark.parametrize("line", [b"x\r\n", b"-5\r\n", b"\r\n", b"5 5\r\n", b"5" * 9_000])
def test_what_is_no_chunk_goes_to_the_parser_at_once(line: bytes) -> None:
    assert arrived(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + line).is_whole


@pytest.mark.parametrize("coding", [b"tea", b"gzip, chunked", b"chunked, gzip", b"x-chunked"])
def test_a_body_of_another_transfer_coding_is_not_waited_for(coding: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: %s\r\nContent-Length: 9\r\n\r\n" % coding
    assert arrived(head).is_whole
    assert not arrived(head.replace(coding, b"Chunked")).is_whole


def test_a_client_that_expects_it_is_told_to_continue_unless_its_body_is_too_large() -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    assert arrived(head).expects_continue
    assert not arrived(head.replace(b": 9", b": 9999")).expects_continue


def test_a_client_with_http_1_0_is_never_told_to_continue() -> None:
    """It would take the interim answer for the answer (RFC 9110, section 10.1.1)."""
    head = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    assert not arrived(head).expects_continue
