"""What is said while the database can't be used."""

import logging

from webhooks_ui import logs
from webhooks_ui.database import reason

RETRY_AFTER_SECONDS = 5

_trouble = logs.Seldom(logging.getLogger(__name__), logging.ERROR)


def say(error: BaseException) -> None:
    """Tell the log that requests are answered with 503, and why. It is told at most once a minute."""
    _trouble.say("Requests are answered with 503: %s", reason(error))
