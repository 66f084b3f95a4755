"""What the chat services say in their answers, in our words.

Sources: docs.slack.dev, "Sending messages using incoming webhooks"; docs.discord.com, "JSON Error Codes" and "Rate
Limits"; learn.microsoft.com, "Create incoming webhooks", "Rate limiting for connectors" and "Handle errors in Azure
Logic Apps".
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webhooks_ui.events.formats.text import one_line
from webhooks_ui.json_object import parse_object
from webhooks_ui.models.webhook import WebhookFormat

QUOTED_MAX_CHARACTERS = 200
RETRY_AFTER_MAX_SECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says."""

    sentence: str = ""  # for an admin. Empty: nothing that its status doesn't say
    is_gone: bool = False  # the service will never take a message at this URL again
    has_failed: bool = False  # there is no message, although the status says success
    retry_after_seconds: int | None = None  # how long to wait, if the body says it
    slows_down: bool = False  # the service asks for fewer messages, although the status doesn't


NOTHING = Said()


def said(service: WebhookFormat, code: int, body: bytes, *, runs_workflows: bool = False) -> Said:
    """Return what the answer of a service says.

    Args:
        service: the one that reads this format.
        code: the HTTP status code.
        body: the beginning of the answer's body.
        runs_workflows: True if it is of a workflow for sure, and not of a connector.
    """
    is_success = 200 <= code < 300
    if service not in _READERS or (is_success and (service != WebhookFormat.TEAMS or runs_workflows)):
        return NOTHING
    reader = _workflow if runs_workflows else _READERS[service]
    return reader(code, body.decode("utf-8", "replace").strip())


_SLACK = {
    "invalid_payload": "Slack couldn't read the request as a message.",
    "no_text": "Slack found no message in the request.",
    "invalid_blocks": "Slack refused the blocks of the message.",
    "invalid_blocks_format": "Slack refused the blocks of the message.",
    "invalid_attachments": "Slack refused the attachments of the message.",
    "too_many_attachments": "The message has too many attachments for Slack.",
    "msg_too_long": "The message is too long for Slack.",
    "msg_blocks_too_long": "The message is too long for Slack.",
    "user_not_found": "The Slack user that the webhook writes to doesn't exist.",
    "posting_to_general_channel_denied": "The webhook may not post to this channel. Ask an admin of the workspace.",
    "rate_limited": "Slack asked for fewer messages.",
    "rollup_error": "Slack had a problem of its own.",
}
_SLACK_GONE = {
    "channel_is_archived": "The channel was archived.",
    "channel_not_found": "The channel doesn't exist any more.",
    "action_prohibited": "The workspace doesn't let this webhook post.",
    "no_service": "The webhook was removed or switched off in Slack.",
    "no_service_id": "The webhook was removed or switched off in Slack.",
    "no_active_hooks": "The webhook was removed or switched off in Slack.",
    "no_team": "The Slack workspace doesn't exist any more.",
    "team_disabled": "The Slack workspace was closed.",
    "invalid_token": "Slack doesn't know the URL's token. Copy the URL from Slack again.",
}


def _slack(code: int, text: str) -> Said:
    word = str(parse_object(text).get("error", text))
    if word in _SLACK_GONE:
        return Said(_SLACK_GONE[word], is_gone=True)
    return Said(_SLACK.get(word, ""))


_DISCORD = {
    50006: "Discord found no message in the request.",
    220001: "The channel is a forum. Add ?thread_id= and the id of a thread to the URL.",
}
_DISCORD_GONE = {
    10003: "The channel, or the thread that the URL names, was deleted.",
    10015: "The webhook was deleted in Discord.",
    50027: "Discord doesn't know the URL's token. Copy the URL from Discord again.",
}


def _discord(code: int, text: str) -> Said:
    answer = parse_object(text)
    number = answer.get("code")
    if not isinstance(number, int):
        number = 0  # Discord's number for an error without one of its own
    if code == 429:
        pause = _seconds(answer.get("retry_after"))
        # Without a pause it blocks the address that we send from (discord/discord-api-docs, issue 5810), and says so
        blocked = _quoted("Discord", answer.get("message")) if pause is None else ""
        return Said(blocked or "Discord asked for fewer messages.", retry_after_seconds=pause)
    if number in _DISCORD_GONE:
        return Said(_DISCORD_GONE[number], is_gone=True)
    return Said(_DISCORD.get(number, _quoted("Discord", answer.get("message"))))


_TEAMS = {
    "WorkflowTriggerIsNotEnabled": "The workflow is switched off. Switch it on in Teams or Power Automate.",
    "DirectApiAuthorizationRequired": "The URL lacks its signature. Copy the whole URL from the workflow again.",
    "AuthorizationFailed": "The workflow doesn't take requests from everybody, or the URL isn't complete.",
    "TriggerInputSchemaMismatch": "The workflow expects other data. Use the template that posts to a channel.",
}
_TEAMS_GONE = {
    "WorkflowNotFound": "The workflow was deleted.",
}
_CONNECTOR = re.compile(r"connector\b", re.I)
_GONE = re.compile(r"\b(retired|deprecated|removed|deleted|not found|no longer)", re.I)
_NOT_POSTED = "webhook message delivery failed"
_TOO_MANY = "returned http error 429"


def _teams(code: int, text: str) -> Said:
    if 200 <= code < 300:
        return _posted(text)
    if code == 410 or _is_connector_gone(text):
        return Said("The connector was removed or retired. Make a workflow in Teams, and use its URL.", is_gone=True)
    return _workflow(code, text)


def _workflow(code: int, text: str) -> Said:
    error = parse_object(text).get("error")
    name, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    if not isinstance(name, str):
        return NOTHING
    if name in _TEAMS_GONE:
        return Said(_TEAMS_GONE[name], is_gone=True)
    return Said(_TEAMS.get(name, _quoted("Microsoft Teams", message)))


def _is_connector_gone(text: str) -> bool:
    """Return True if the text names a connector, and then says that there is none any more.

    It takes two searches. One expression for both would begin again at each "connector" and read all that follows.
    """
    connector = _CONNECTOR.search(text)
    return connector is not None and _GONE.search(text, connector.end()) is not None


def _posted(text: str) -> Said:
    """Return whether a connector posted the message: it answers 200 to everything, and says the truth in the body."""
    told = text.lower()
    if not told.startswith(_NOT_POSTED):
        return NOTHING
    return Said(_quoted("Microsoft Teams", text), has_failed=True, slows_down=_TOO_MANY in told)


_READERS: dict[str, Callable[[int, str], Said]] = {
    WebhookFormat.SLACK: _slack,
    WebhookFormat.DISCORD: _discord,
    WebhookFormat.TEAMS: _teams,
}


def _quoted(service: str, message: Any) -> str:
    text = one_line(message)[:QUOTED_MAX_CHARACTERS] if isinstance(message, str) else ""
    return f"{service} says: {text}" if text else ""


def _seconds(value: Any) -> int | None:
    """Return whole seconds, rounded up, or ``None`` if ``value`` is no number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= RETRY_AFTER_MAX_SECONDS:
        return None
    return math.ceil(value)
