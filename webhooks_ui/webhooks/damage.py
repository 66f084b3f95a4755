"""Options of a webhook that can't be read, because a person or another version wrote something else into its row."""

from webhooks_ui.events.conditions import UNREADABLE_FILTER, Filter
from webhooks_ui.events.selection import UNREADABLE_SELECTION, Selection
from webhooks_ui.models import Webhook
from webhooks_ui.models.kept_json import Damaged
from webhooks_ui.models.webhook import RatePeriod

_LABELS = {
    "headers": "headers",
    "auth": "credentials",
    "client_certificate": "client certificate",
    "older_secrets": "older secrets",
    "retry_delays": "delays of its own schedule",
}


def damage(webhook: Webhook) -> str:
    """Return which options of a webhook can't be read, in a sentence, or an empty text."""
    parts = [label for name, label in _LABELS.items() if isinstance(getattr(webhook, name), Damaged)]
    if Filter.parse(webhook.filter) is UNREADABLE_FILTER:
        parts.append("filter")
    if Selection.parse(webhook.fields) is UNREADABLE_SELECTION:
        parts.append("fields that it gets")
    if webhook.rate_period not in tuple(RatePeriod):
        parts.append("period of its rate limit")
    if not parts:
        return ""
    return (
        f"What is stored of the {' and the '.join(parts)} can't be read, so nothing is sent. "
        "Set it anew: the next save of the form replaces it."
    )
