"""Columns with JSON that a person may have written by hand. Such a value is read as a ``Damaged`` one, which is empty.

So it fails nowhere, and pages tell of it. The row keeps it until somebody saves another value.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.types import TypeDecorator


class Damaged:
    """A value that is not what the product writes. It equals no other one, so that each new value is saved."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:  # that of lists would compare what is in them
        return self is not other

    __hash__ = None  # type: ignore[assignment]  # as of lists


class DamagedList(Damaged, list[Any]):
    pass


class DamagedObject(Damaged, dict[str, Any]):
    pass


class KeptJson(TypeDecorator[Any]):
    """JSON of which ``fits`` holds, or what ``damaged`` makes. ``None`` is stored as NULL."""

    impl = JSON
    cache_ok = True

    def __init__(self, fits: Callable[[Any], bool], damaged: Callable[[], Any]) -> None:
        super().__init__(none_as_null=True)
        self.fits = fits
        self.damaged = damaged

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
        read = self.impl_instance.dialect_impl(dialect).result_processor(dialect, coltype)

        def process(stored: Any) -> Any:
            try:
                value = read(stored) if read else stored
            except ValueError:  # SQLite takes any text
                return self.damaged()
            return value if self.fits(value) else self.damaged()

        return process


# Its reader judges it, and takes what is no JSON for wrong
ANY_JSON = KeptJson(lambda value: True, lambda: "no JSON")


def list_of(*names: str, times: Sequence[str] = ()) -> KeptJson:
    """Return the type of a list of objects of which ``has`` holds."""
    return KeptJson(
        lambda value: isinstance(value, list) and all(has(entry, *names, times=times) for entry in value), DamagedList
    )


def has(entry: Any, *names: str, times: Sequence[str] = ()) -> bool:
    """Return True for an object that has texts under ``names``, and ISO times with a zone under ``times``."""
    if not isinstance(entry, Mapping):
        return False
    return all(isinstance(entry.get(name), str) for name in names) and all(_is_time(entry.get(name)) for name in times)


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (ValueError, TypeError):
        return False
