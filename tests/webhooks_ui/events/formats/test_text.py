import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks_ui.events.formats.events import MANY
from webhooks_ui.events.formats.text import ELLIPSIS, Writer, one_line, units


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n\tc ", "a b c"),
        ("\u2028a\u2029b\u00a0c\u3000", "a b c"),
        ("\u202eevil\u202c", "\ufffdevil\ufffd"),
        ("a\u200bb\ufeffc", "a\ufffdb\ufffdc"),
        ("\0\x1b[31m", "\ufffd\ufffd[31m"),
        ("\ufffe\U0001ffff", "\ufffd\ufffd"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("نامه\u200cای", "نامه\u200cای"),
    ],
)
def test_a_text_is_on_one_line_and_can_be_seen(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(text=st.text(), most=st.integers(1, 50), left=st.integers(0, 60))
@MANY
def test_a_written_text_fits_into_its_place_and_into_what_is_left(text: str, most: int, left: int) -> None:
    writer = Writer(left)
    written = writer.write(text, most)
    assert units(written) <= min(most, left)
    assert writer.left == left - units(written)
    assert writer.has_shortened == (written != text)
    assert written == text or not written or written.endswith(ELLIPSIS)


@given(text=st.text("a*", max_size=30), most=st.integers(1, 30))
@MANY
def test_a_text_is_cut_between_pieces_only(text: str, most: int) -> None:
    written = Writer(1_000, lambda text: ("<*>" if character == "*" else character for character in text)).write(
        text, most
    )
    assert set(written.replace("<*>", "").removesuffix(ELLIPSIS)) <= {"a"}


def test_an_emoji_counts_twice() -> None:
    assert Writer(100).write("😀" * 5, 10) == "😀" * 5
    assert Writer(100).write("😀" * 6, 10) == "😀" * 4 + ELLIPSIS
