"""The formats: how an event is written for each kind of receiver, a format a file. Pure."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from webhooks_ui.events.formats import cloudevents, discord, json, slack, teams
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.models.webhook import RatePeriod, WebhookFormat

Rate = tuple[int | None, str]  # requests, and the period that they may take


class Format(NamedTuple):
    """What a webhook's format means for its requests."""

    render: Callable[[Outgoing], bytes]
    content_type: str = "application/json"
    is_signed: bool = True  # the request has the headers of Standard Webhooks
    rate: Rate = (None, RatePeriod.SECOND)  # that its service takes


FORMATS: Mapping[str, Format] = {
    WebhookFormat.JSON: Format(json.render),
    WebhookFormat.SLACK: Format(slack.render, is_signed=False, rate=(1, RatePeriod.SECOND)),
    WebhookFormat.DISCORD: Format(discord.render, is_signed=False, rate=(2, RatePeriod.SECOND)),  # it takes 5 in 2 s
    # It takes 4 in 1 s and 60 in 30 s (learn.microsoft.com, "Rate limiting for connectors"). A workflow answers 202 to
    # what it then can't post, so no answer would slow us down.
    WebhookFormat.TEAMS: Format(teams.render, is_signed=False, rate=(1, RatePeriod.SECOND)),
    WebhookFormat.CLOUDEVENTS: Format(cloudevents.render, cloudevents.CONTENT_TYPE),
}


def rate_after(before: str, after: str, rate: Rate) -> Rate:
    """Return the rate limit of a webhook after a change of its format: the service's own, unless somebody set another.

    Args:
        before: the format before the change.
        rate: the limit before it.
    """
    if before == after or after not in FORMATS:
        return rate
    was_default = rate[0] is None or (before in FORMATS and rate == FORMATS[before].rate)
    return FORMATS[after].rate if was_default else rate
