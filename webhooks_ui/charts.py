"""Bars and lines as SVG paths: a chart of any size is two or three elements."""

from collections.abc import Sequence

from webhooks_ui.webhook_stats import Series, percentile

LEAST_BAR = 1.5  # of the chart's units: a single failure among thousands is still to be seen


def bars(series: Series, width: float, height: float) -> dict[str, str]:
    """Paths of upright strokes, failures stacked on successes: ``{"succeeded": …, "failed": …}``."""
    highest = max((step.total for step in series.steps), default=0) or 1
    pitch = width / len(series.steps)
    paths: dict[str, list[str]] = {"succeeded": [], "failed": []}
    for number, step in enumerate(series.steps):
        x, y = pitch * (number + 0.5), height
        for name, count in (("succeeded", step.succeeded), ("failed", step.failed)):
            if count:
                length = max(LEAST_BAR, (height - LEAST_BAR) * count / highest)
                paths[name].append(f"M{x:.1f} {y:.1f}v-{length:.1f}")
                y -= length
    return {name: "".join(parts) for name, parts in paths.items()}


def duration_lines(series: Series, width: float, height: float) -> dict[str, str]:
    """Paths of the p50 and p95 response times; a step without attempts breaks the line."""
    shares = {"p50": 0.5, "p95": 0.95}
    values = {name: [percentile(step.durations, share) for step in series.steps] for name, share in shares.items()}
    highest = max((value for line in values.values() for value in line if value), default=1)
    return {name: _line(line, highest, width, height) for name, line in values.items()}


def _line(values: Sequence[int | None], highest: int, width: float, height: float) -> str:
    pitch = width / len(values)
    path, pen_is_down = [], False
    for number, value in enumerate(values):
        if value is not None:
            x, y = pitch * (number + 0.5), height - (height - 2) * value / highest
            # A dot where there is no neighbour: a line of no length with round ends.
            path.append(f"{'L' if pen_is_down else 'M'}{x:.1f} {y:.1f}" + ("" if pen_is_down else "h0"))
        pen_is_down = value is not None
    return "".join(path)
