"""Masked URLs and cookies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks_ui.masking import mask_cookies, mask_url, mask_urls


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://chat.example.com/services/T0/B0/token", "https://chat.example.com/services/…"),
        ("https://chat.example.com/services/", "https://chat.example.com/services/"),
        ("https://chat.example.com/services?token=a", "https://chat.example.com/services/…"),
        ("https://chat.example.com?token=a", "https://chat.example.com/…"),
        ("https://chat.example.com//token", "https://chat.example.com/…"),
        ("https://chat.example.com:8443/hooks", "https://chat.example.com:8443/hooks"),
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com/"),
        ("https://eva:token@example.com/a", "https://example.com/a"),
        ("https://example.com/a#token", "https://example.com/a/…"),
        ("https://[bad", "…"),
        ("token", "…"),
    ],
)
def test_host_and_first_segment_are_left(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@given(url=st.text(max_size=60) | st.from_regex(r"\Ahttps?://[a-z.]{1,9}(/[a-z?#=@]{0,5}){0,4}\Z"))
def test_masking_twice_is_masking_once(url: str) -> None:
    assert mask_url(mask_url(url)) == mask_url(url)


def test_urls_in_a_text_are_masked() -> None:
    text = "can't reach https://chat.example.com/services/T0/token: timed out, see <http://a.example/b/c>"
    assert mask_urls(text) == ("can't reach https://chat.example.com/services/… timed out, see <http://a.example/b/…>")


def test_cookies_lose_their_values_and_keep_the_rest() -> None:
    headers = [("Set-Cookie", "id=a=b; Path=/; HttpOnly"), ("set-cookie", "only-a-token"), ("Server", "id=a")]
    masked = [("Set-Cookie", "id=…; Path=/; HttpOnly"), ("set-cookie", "…"), ("Server", "id=a")]
    assert mask_cookies(headers) == masked
    assert mask_cookies(masked) == masked
