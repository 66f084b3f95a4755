"""JSON: the event to the letter as it was published."""

from webhooks_ui.events.formats.outgoing import Outgoing


def render(event: Outgoing) -> bytes:
    return event.body
