"""The pages that the sidebar and the command palette lead to."""

from typing import NamedTuple


class Section(NamedTuple):
    """A page that can be reached from every other one. One without a picture isn't in the sidebar."""

    endpoint: str
    name: str
    picture: str = ""


SECTIONS = (
    Section("overview.index", "Overview", "activity"),
    Section("webhooks.index", "Webhooks", "webhook"),
    Section("webhooks.new", "Create Webhook"),
    Section("deliveries.index", "Webhook Deliveries", "list"),
    Section("event_types.index", "Event Types", "bolt"),
    Section("inspectors.index", "Inspector", "eye"),
    Section("api_keys.index", "API Keys", "lock"),
    Section("notices.index", "Notices"),
    Section("audit_log.index", "Audit Log", "shield"),
    Section("team.index", "Team", "users"),
    Section("settings.edit", "Settings", "settings"),
    Section("account.index", "Account"),
)
