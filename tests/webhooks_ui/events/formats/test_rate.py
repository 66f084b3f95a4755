import pytest

from webhooks_ui.events.formats import Rate, rate_after

NONE: Rate = (None, "second")


@pytest.mark.parametrize(
    ("before", "after", "rate", "then"),
    [
        ("json", "slack", NONE, (1, "second")),
        ("json", "discord", NONE, (2, "second")),
        ("json", "teams", NONE, (1, "second")),
        ("json", "cloudevents", NONE, NONE),
        ("slack", "discord", (1, "second"), (2, "second")),
        ("slack", "json", (1, "second"), NONE),
        ("slack", "json", (30, "minute"), (30, "minute")),
        ("json", "slack", (30, "minute"), (30, "minute")),
        ("slack", "slack", NONE, NONE),
        ("json", "unknown", NONE, NONE),
        ("unknown", "slack", (7, "second"), (7, "second")),
    ],
)
def test_a_new_format_brings_the_limit_of_its_service_unless_somebody_set_another(
    before: str, after: str, rate: Rate, then: Rate
) -> None:
    assert rate_after(before, after, rate) == then
