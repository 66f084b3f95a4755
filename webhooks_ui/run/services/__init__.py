"""Stand-ins for chat services, for the demo and the tests. Each checks messages by its service's documented rules."""

from collections.abc import Callable, Mapping

from webhooks_ui.run.services import discord, slack, teams
from webhooks_ui.run.services.rules import Answer

SERVICES: Mapping[str, Callable[[bytes], Answer]] = {
    "slack": slack.answer,
    "discord": discord.answer,
    "teams": teams.answer,
}
