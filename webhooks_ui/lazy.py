"""Imports modules when they are first used, because each process keeps what it imports in memory."""

from importlib import import_module
from typing import Any


class Lazy:
    """Stands for a module, which is imported as soon as something of it is used.

    Args:
        name: of the module, with dots.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
