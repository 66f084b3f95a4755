"""Bars and lines as SVG paths: a chart of any size is two or three elements, and one a step to point at."""

from collections.abc import Sequence
from math import floor, log10

from webhooks_ui.webhooks.stats import OPEN_BUCKET_MS, Series

LEAST_BAR = 1.5  # of the chart's units: a single failure among thousands is still to be seen
ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
SHARES = {"p50": 0.5, "p95": 0.95}


def bars(series: Series, width: float, height: float, end: float = 0) -> dict[str, str]:
    """Paths of upright strokes, failures stacked on successes: ``{"succeeded": …, "failed": …}``.

    Args:
        end: the count at the top of the chart; by default that of the highest bar.
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
    """Where the axis of attempts ends."""
    return scale_end(max(step.total for step in series.steps))


def duration_lines(series: Series, width: float, height: float, end: float) -> dict[str, str]:
    """Paths of the p50 and p95 response times on an axis that ends at ``end`` milliseconds.

    A step without attempts breaks the line.
    """
    values = {name: [step.percentile(share) for step in series.steps] for name, share in SHARES.items()}
    return {name: _line(line, end, width, height) for name, line in values.items()}


def duration_end(series: Series) -> float:
    """Where the axis of response times ends, in milliseconds."""
    return scale_end(max(step.percentile(SHARES["p95"]) or 0 for step in series.steps))


def scale_end(highest: float) -> float:
    """The round number at which an axis from 0 ends that has room for ``highest``."""
    power = 10 ** floor(log10(highest)) if highest else 1
    return next(step * power for step in ROUND if step * power >= highest)


def milliseconds(value: float) -> str:
    """To two digits: ``83 ms``, ``1.4 s``."""
    rounded = float(f"{value:.2g}")
    return f"{rounded / 1_000:g} s" if rounded >= 1_000 else f"{rounded:g} ms"


def about(value: float | None) -> str:
    """An estimate in words: ``about 83 ms``, or ``over 10 s`` where no more is known."""
    if value is None:
        return "–"
    return f"{'over' if value > OPEN_BUCKET_MS else 'about'} {milliseconds(value)}"


def _line(values: Sequence[float | None], end: float, width: float, height: float) -> str:
    pitch = width / len(values)
    path, pen_is_down = [], False
    for number, value in enumerate(values):
        if value is not None:
            x, y = pitch * (number + 0.5), height - (height - 2) * value / end
            # A dot where there is no neighbour: a line of no length with round ends.
            path.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}" + ("" if pen_is_down else "h0"))
        pen_is_down = value is not None
    return "".join(path)
