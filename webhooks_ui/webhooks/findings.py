"""What the pages that look for a cause say of each thing that must hold: a verdict, a title, and what was found."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

Found = str | tuple[str | datetime, ...]  # times stand apart, because pages show them in the reader's zone


class Verdict(StrEnum):
    """The value is the status of its badge."""

    FINE = "success"
    NOTE = "pending"
    PROBLEM = "failed"

    @property
    def label(self) -> str:
        """The word on the badge."""
        return self.name.capitalize()


class Check(NamedTuple):
    """One thing that must hold. The title is true for the verdict: "It takes no connections" beside "Problem"."""

    verdict: Verdict
    title: str
    found: Found  # what was found, and what to do about it
    action: str = ""  # the name of what helps, for the page

    @property
    def parts(self) -> tuple[str | datetime, ...]:
        return (self.found,) if isinstance(self.found, str) else self.found
