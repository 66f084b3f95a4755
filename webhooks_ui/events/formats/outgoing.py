"""An event on its way to one webhook: what a format makes a body of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way to one webhook."""

    id: str
    type: str
    environment: str
    body: bytes  # as it was published (see events/new_event.py)
    is_test: bool = False
    is_replay: bool = False
    link: str | None = None  # to the page of its delivery. None: nobody said where the portal is
