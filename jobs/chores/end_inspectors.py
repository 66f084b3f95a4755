"""End inspectors: delete those that nobody looked at for a week, and the requests that are as old."""

from webhooks_ui.database import writing
from webhooks_ui.webhooks import inspectors

END_INSPECTORS_SECONDS = 600  # between the runs


def end_inspectors() -> None:
    with writing():
        inspectors.end_old()
