"""Retry schedules, and how people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks_ui.schedules import SCHEDULES_SECONDS, WrongDelays, delays_of, delays_text, parse_delays


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", [10]),
        ("10s, 1m,5 min , 2h,1d", [10, 60, 300, 7_200, 86_400]),
        ("10 SEC", [10]),
        ("5\N{NO-BREAK SPACE}min, ,", [300]),
        ("7d", [604_800]),
    ],
)
def test_typed_delays_are_read(text: str, seconds: list[int]) -> None:
    assert parse_delays(text) == seconds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Give 1 to 12 delays, not 0."),
        (",,", "Give 1 to 12 delays, not 0."),
        ("1s," * 13, "Give 1 to 12 delays, not 13."),
        ("0", "Each delay must be 1 second to 7 days, not at once."),
        ("8d", "Each delay must be 1 second to 7 days, not 8\xa0d."),
        ("999999999d", "Each delay must be 1 second to 7 days, not 999999999\xa0d."),
        ("-5", "'-5' is not a delay"),
        ("1.5h", "'1.5h' is not a delay"),
        ("soon", "'soon' is not a delay. Write the delays like 10 s, 5 min, 1 h, 1 d."),
        ("5 weeks", "'5 weeks' is not a delay"),
        ("٥", "is not a delay"),
        ("1" * 10, "is not a delay"),
    ],
)
def test_wrong_delays_have_their_sentence(text: str, sentence: str) -> None:
    with pytest.raises(WrongDelays, match=r".") as error:
        parse_delays(text)
    assert sentence in str(error.value)


@given(st.lists(st.integers(1, 604_800), min_size=1, max_size=12))
def test_what_is_shown_can_be_typed(seconds: list[int]) -> None:
    assert parse_delays(delays_text(seconds)) == seconds


def test_own_delays_come_after_a_first_attempt_at_once() -> None:
    assert delays_of("own", [10, 60]) == (0, 10, 60)
    assert delays_of("long", None) == SCHEDULES_SECONDS["long"]
