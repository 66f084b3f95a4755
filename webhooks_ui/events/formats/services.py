"""The services that webhooks post to, recognized by the host of the URL.

Source of the hosts of workflows, in all clouds of Microsoft: learn.microsoft.com, "IP address configuration for Power
Automate", 'Allow users on your network to use "When an HTTP request is received" trigger'.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from webhooks_ui.models.webhook import WebhookFormat


class Service(NamedTuple):
    """A service with a format of its own."""

    name: str
    format: WebhookFormat
    hosts: tuple[str, ...]  # one that begins with a dot stands for all hosts that end with it
    runs_workflows: bool = False  # which may do anything with a request, and answer anything


SERVICES = (
    Service("Slack", WebhookFormat.SLACK, ("hooks.slack.com", "hooks.slack-gov.com")),
    Service(
        "Discord",
        WebhookFormat.DISCORD,
        tuple(f"{prefix}{host}" for host in ("discord.com", "discordapp.com") for prefix in ("", "canary.", "ptb.")),
    ),
    Service("Microsoft Teams", WebhookFormat.TEAMS, (".webhook.office.com",)),
    Service(
        "Microsoft Teams",
        WebhookFormat.TEAMS,
        (
            *(".logic.azure.com", ".api.powerplatform.com"),
            *(".logic.azure.us", ".api.gov.powerplatform.microsoft.us", ".api.high.powerplatform.microsoft.us"),
            ".api.appsplatform.us",
            *(".logic.azure.cn", ".api.powerplatform.partner.microsoftonline.cn"),
        ),
        runs_workflows=True,
    ),
)


SLACK_WORKFLOW = (
    "This URL starts a workflow of Slack, which reads only its own variables and no messages, also if it answers ok. "
    "Use the URL of an incoming webhook. It begins with https://hooks.slack.com/services/."
)
_SLACK_WORKFLOW = re.compile(r"/(triggers|workflows)/")  # slack.com/help, "Build a workflow: Start from a webhook"
DISCORD_FOR_OTHERS = {
    # discord/discord-api-docs, issues 6957 and 7385
    "github": "At this URL, Discord shows only events of GitHub, also if it answers 204 to others. "
    "Remove /github from its end, and choose the format Discord.",
    # docs.discord.com, "Execute Slack-Compatible Webhook": it takes no mrkdwn, and documents no allowed_mentions
    "slack": "At this URL, Discord reads markup and mentions in names, which can then notify everybody. "
    "Remove /slack from its end, and choose the format Discord.",
}
_OLD_DISCORD = re.compile(r"/api/(v[3-7]/)?webhooks/")


@lru_cache(maxsize=1_024)  # each delivery asks
def service_of(url: str) -> Service | None:
    """Return the service that a URL leads to, or ``None`` if it is none of ``SERVICES``, or if it is no URL."""
    try:
        host = (urlsplit(url.strip()).hostname or "").removesuffix(".")
    except ValueError:
        return None
    return next((service for service in SERVICES if any(_is(host, known) for known in service.hosts)), None)


def counts_milliseconds(url: str) -> bool:
    """Return True if the service at a URL tells in milliseconds how long to wait.

    Discord did so before version 8 of its API. The URLs to copy have no version, which stands for version 6.

    Sources: docs.discord.com, "API Versioning"; discord/discord-api-docs, issue 2360 and pull request 2823.
    """
    service = service_of(url)
    is_discord = service is not None and service.format == WebhookFormat.DISCORD
    return is_discord and _OLD_DISCORD.match(urlsplit(url.strip()).path) is not None


def suggested_format(url: str) -> WebhookFormat:
    """Return the format that the receiver at a URL reads."""
    service = service_of(url)
    return service.format if service else WebhookFormat.JSON


class Misfit(NamedTuple):
    """Why what is at a URL doesn't read a format as we mean it, in a sentence for an admin."""

    sentence: str
    is_lost: bool = True  # whether nobody sees the messages


def misfit(url: str, format: str) -> Misfit | None:
    """Return what is wrong with a format for a URL, or ``None`` if nothing is."""
    service = service_of(url)
    if service is None:
        return None
    path = urlsplit(url.strip()).path
    if service.format == WebhookFormat.SLACK and _SLACK_WORKFLOW.match(path):
        return Misfit(SLACK_WORKFLOW)
    if service.format == WebhookFormat.DISCORD and (end := path.rpartition("/")[2]) in DISCORD_FOR_OTHERS:
        return Misfit(DISCORD_FOR_OTHERS[end], is_lost=(end, format) != ("slack", WebhookFormat.SLACK))
    if service.format == format:
        return None
    name = WebhookFormat(format).label if format in tuple(WebhookFormat) else format[:16]
    unless = ", unless the workflow does something else than to post" if service.runs_workflows else ""
    sentence = f"{service.name} doesn't read the format {name}. Choose the format {service.format.label}{unless}."
    return Misfit(sentence, is_lost=not service.runs_workflows)


def misread(url: str, format: str) -> str:
    """Return the sentence of ``misfit``, or an empty text if nothing is wrong."""
    found = misfit(url, format)
    return found.sentence if found else ""


def _is(host: str, known: str) -> bool:
    return host.endswith(known) if known.startswith(".") else host == known
