"""The statistics of webhooks as numbers and as charts."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_webhook
from tests.support.http import HTMX
from webhooks_ui.database import db
from webhooks_ui.models import Stats, Webhook, utcnow
from webhooks_ui.models.stats import hour_of
from webhooks_ui.web import charts
from webhooks_ui.webhooks.stats import RANGES, Series, Step, last_day, percentile, series


def count(webhook: Webhook, hours_ago: int, succeeded: bool, count: int, duration_bucket_ms: int = 100) -> None:
    hour = utcnow().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    fields = {"hour": hour, "succeeded": succeeded, "duration_bucket_ms": duration_bucket_ms, "count": count}
    db.session.add(Stats(webhook_id=webhook.id, **fields))
    db.session.commit()


def test_the_last_day_is_counted_for_each_webhook(app: Flask) -> None:
    busy, idle = make_webhook(), make_webhook()
    count(busy, 0, True, 6)
    count(busy, 23, True, 3, duration_bucket_ms=250)
    count(busy, 23, False, 1)
    count(busy, 24, False, 99)
    count(busy, -2, False, 99)  # in the future, as after a clock jump
    found = last_day([busy.id, idle.id])
    assert (found[busy.id].total, found[busy.id].success_percent) == (10, 90.0)
    assert (found[busy.id].steps[0].failed, found[busy.id].steps[-1].succeeded) == (1, 6)
    assert (found[idle.id].total, found[idle.id].success_percent) == (0, None)


@pytest.mark.parametrize(("key", "steps"), [("24h", 24), ("7d", 28), ("30d", 30)])
def test_a_series_holds_its_whole_range(app: Flask, key: str, steps: int) -> None:
    webhook = make_webhook()
    span = RANGES[key]
    hours = int(span.steps * span.step / timedelta(hours=1))
    for hours_ago in (0, hours - 1, hours):
        count(webhook, hours_ago, True, 5)
    found = series(webhook.id, span)
    assert len(found.steps) == steps
    assert found.total == 10
    assert found.steps[0].succeeded == found.steps[-1].succeeded == 5


def test_a_single_failure_is_never_rounded_away() -> None:
    assert Series([Step(utcnow(), succeeded=100_000, failed=1)]).success_percent == 99.9


@pytest.mark.parametrize(
    ("durations", "share", "value"),
    [
        ({100: 10}, 0.5, 75),  # half way between 50 and 100
        ({10: 90, 100: 10}, 0.9, 10),
        ({10: 90, 100: 10}, 0.95, 75),
        ({10: 1}, 1.0, 10),
        ({2: 4}, 0.5, 1),
        ({300_000: 3}, 0.5, 10_000),  # the last bucket has no known upper end, so pages say "over 10 s"
        ({}, 0.5, None),
    ],
)
def test_percentiles_are_interpolated_in_their_bucket(
    durations: dict[int, int], share: float, value: float | None
) -> None:
    assert percentile(Counter(durations), share) == (None if value is None else pytest.approx(value))


def test_only_a_percentile_in_the_last_bucket_is_told_as_over() -> None:
    assert charts.about(percentile(Counter({10_000: 19, 300_000: 1}), 0.95)) == "about 10 s"
    assert charts.about(percentile(Counter({10_000: 19, 300_000: 1}), 0.96)) == "over 10 s"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (0.4, "about 0.4 ms"),
        (83.3, "about 83 ms"),
        (447, "about 450 ms"),
        (1_432, "about 1.4 s"),
        (10_000, "about 10 s"),
        (10_001, "over 10 s"),
    ],
)
def test_a_response_time_is_told_as_an_estimate(value: float | None, words: str) -> None:
    assert charts.about(value) == words


@pytest.mark.parametrize(
    ("highest", "end"), [(0, 1), (1, 1), (2, 2), (7, 8), (10, 10), (127, 150), (2_400, 3_000), (83.3, 100), (0.4, 0.4)]
)
def test_an_axis_ends_at_a_round_number(highest: float, end: float) -> None:
    assert charts.scale_end(highest) == pytest.approx(end)


def test_bars_stack_failures_on_successes() -> None:
    found = charts.bars(Series([Step(utcnow(), succeeded=3, failed=1), Step(utcnow())]), 20, 10)
    assert found == {"succeeded": "M5.0 10.0v-6.4", "failed": "M5.0 3.6v-2.1"}


def test_bars_end_where_the_axis_does() -> None:
    half = Series([Step(utcnow(), succeeded=50)])
    assert charts.bars(half, 20, 21.5, charts.count_end(half) * 2)["succeeded"] == "M10.0 21.5v-10.0"


def test_a_line_breaks_where_nothing_was_attempted() -> None:
    steps = [Step(utcnow(), durations=Counter({ms: 1})) if ms else Step(utcnow()) for ms in (100, 10, 0, 100)]
    lines = charts.duration_lines(Series(steps), 40, 22, 100)
    assert lines["p50"] == "M5.0 7.0h0L15.0 20.5M35.0 7.0h0"  # 75, 5 and 75 ms
    assert lines["p95"] == "M5.0 2.5h0L15.0 20.1M35.0 2.5h0"


def test_a_row_shows_the_health_of_the_last_day(admin: FlaskClient) -> None:
    make_webhook()
    assert 'data-status="no_deliveries"' in admin.get("/admin/webhooks").text
    count(make_webhook(name="Busy"), 1, True, 1_234)
    assert "100 % of 1,234 attempts succeeded in the last 24 hours" in words(admin, "/admin/webhooks")


def words(client: FlaskClient, path: str) -> str:
    return re.sub("<[^>]+>", "", client.get(path).text)


@pytest.mark.parametrize(
    ("succeeded", "failed", "is_low"),
    [(95, 5, False), (9_496, 504, False), (9_494, 506, True), (0, 1, True), (0, 0, False)],
)
def test_a_success_rate_under_95_percent_is_low(succeeded: int, failed: int, is_low: bool) -> None:
    """What counts is the rate as pages show it, so that none warns of 95 %."""
    assert Series([Step(utcnow(), succeeded=succeeded, failed=failed)]).is_low is is_low


def test_a_low_success_rate_is_marked_beside_the_health(admin: FlaskClient) -> None:
    webhook = make_webhook(attempted_hour=hour_of(utcnow()), succeeded_hour=hour_of(utcnow()))
    count(webhook, 0, True, 699)
    count(webhook, 0, False, 301)
    own_page = f"/admin/webhooks/{webhook.id}"
    assert "69.9 % (low) of 1,000 attempts succeeded in the last 24 hours" in words(admin, "/admin/webhooks")
    assert "69.9 % (low) of attempts succeeded in 24 hours" in words(admin, own_page)
    assert admin.get(own_page).text.count("data-low") == 2  # beside the health, and above the chart
    count(webhook, 1, True, 9_000)
    for path in ("/admin/webhooks", own_page):
        assert "data-low" not in admin.get(path).text


def test_the_page_of_a_webhook_shows_the_chosen_range(admin: FlaskClient) -> None:
    webhook = make_webhook()
    count(webhook, 30, False, 7, duration_bucket_ms=500)
    assert "No delivery was attempted in the last 24 hours" in admin.get(f"/admin/webhooks/{webhook.id}?range=x").text
    week = admin.get(f"/admin/webhooks/{webhook.id}?range=7d", headers=HTMX).text
    assert week.strip().startswith('<section class="card" id="health"')
    assert "Attempts in the last 7 days: 0 succeeded, 7 failed" in week
    assert "half within about 380 ms, 95 % within about 490 ms" in week


def test_each_step_of_a_chart_says_its_values(admin: FlaskClient) -> None:
    webhook = make_webhook()
    count(webhook, 3, True, 1_200)
    count(webhook, 3, False, 30, duration_bucket_ms=300_000)
    count(webhook, 1, True, 5)
    page = admin.get(f"/admin/webhooks/{webhook.id}").text
    hour = utcnow().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    start = f"{hour.day} {hour:%b %Y, %H}:00:00 UTC"
    assert f"<title>From {start}: 1,200 succeeded, 30 failed</title>" in page
    assert f"<title>From {start}: half within about 76 ms, 95 % within about 99 ms</title>" in page
    assert page.count("<rect") == 4
    assert "<span>1,500</span><span>0</span>" in page
    table = page.partition("Show as a table")[2]
    assert '<td class="end">1,200</td><td class="end">30</td><td class="end">about 76 ms</td>' in table
