"""Bars and lines of charts as SVG paths. All bars of a kind are one path, so that a chart has few elements."""

from collections.abc import Sequence
from math import floor, log10

from webhooks_ui.webhooks.stats import OPEN_BUCKET_MS, Series

LEAST_BAR = 1.5  # units of the chart, so that one failure among thousands is visible
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
SHARES = {"p50": 0.5, "p95": 0.95}


def bars(series: Series, width: float, height: float, end: float = 0) -> dict[str, str]:
    """Return the paths of the bars, with failures on top of successes: ``{"succeeded": …, "failed": …}``.

    Args:
        end: the count at the top of the chart. The default is the count of the highest bar.
    """
    end = end or max((step.total for step in series.steps), default=0) or 1
    pitch = width / len(series.steps)
    paths: dict[str, list[str]] = {"succeeded": [], "failed": []}
    for number, step in enumerate(series.steps):
        x, y = pitch * (number + 0.5), height
        for name, count in (("succeeded", step.succeeded), ("failed", step.failed)):
            if count:
                length = max(LEAST_BAR, (height - LEAST_BAR) * count / end)
                paths[name].append(f"M{x:.1f} {y:.1f}v-{length:.1f}")
                y -= length
    return {name: "".join(parts) for name, parts in paths.items()}


def count_end(series: Series) -> float:
    """Return the count at the end of the axis of attempts."""
    return scale_end(max(step.total for step in series.steps))


def duration_lines(series: Series, width: float, height: float, end: float) -> dict[str, str]:
    """Return the paths of the p50 and p95 response times, on an axis that ends at ``end`` milliseconds.

    A step without attempts interrupts the line.
    """
    values = {name: [step.percentile(share) for step in series.steps] for name, share in SHARES.items()}
    return {name: line(of_share, end, width, height) for name, of_share in values.items()}


def duration_end(series: Series) -> float:
    """Return the milliseconds at the end of the axis of response times."""
    return scale_end(max(step.percentile(SHARES["p95"]) or 0 for step in series.steps))


def values_end(values: Sequence[float | None]) -> float:
    """Return the value at the end of the axis of a line, which is at least 1."""
    return scale_end(max((value for value in values if value is not None), default=0))


def seconds_words(value: float) -> str:
    """Return a time in one unit: ``12 s``, ``4 min``, ``3 h``, ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s"


def scale_end(highest: float) -> float:
    """Return the smallest round number that is at least ``highest``."""
    power = 10 ** floor(log10(highest)) if highest else 1
    return next(step * power for step in ROUND if step * power >= highest)


def milliseconds(value: float) -> str:
    """Return a duration with two digits: ``83 ms``, ``1.4 s``."""
    rounded = float(f"{value:.2g}")
    return f"{rounded / 1_000:g} s" if rounded >= 1_000 else f"{rounded:g} ms"


def about(value: float | None) -> str:
    """Return an estimate in words: ``about 83 ms``, or ``over 10 s`` above the last bucket."""
    if value is None:
        return "–"
    return f"{'over' if value > OPEN_BUCKET_MS else 'about'} {milliseconds(value)}"


def line(values: Sequence[float | None], end: float, width: float, height: float) -> str:
    """Return the path of a line on an axis that ends at ``end``. A step without a value interrupts it."""
    pitch = width / len(values)
    path, pen_is_down = [], False
    for number, value in enumerate(values):
        if value is not None:
            x, y = pitch * (number + 0.5), height - (height - 2) * value / end
            # h0 is a line without length. Its round ends make a dot of a step without neighbors.
            path.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}" + ("" if pen_is_down else "h0"))
        pen_is_down = value is not None
    return "".join(path)
