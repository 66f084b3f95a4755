"""Which fields of an event's data a webhook gets: some left out, some kept, and fixed ones added. Pure.

A path is dotted, such as ``customer.email``. It leads into lists, too: ``items.email`` means the email of every item,
so that no personal data stays behind.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from webhooks_ui.events import strict_json

PATHS_MAX = 50
EXTRA_MAX_BYTES = 4 * 1024
PREVIOUS = "previous"  # of data: the fields that an event has changed, with their former values

Tree = dict[str, "Tree"]  # an empty one: all that is below


class Mode(StrEnum):
    LEAVE_OUT = "leave_out"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a webhook gets of the data. ``extra`` is added at the top of ``data``, and replaces fields of that name.

    The numbers in ``extra`` are ``strict_json.Number``, or Python's plain ones.
    """

    mode: Mode = Mode.LEAVE_OUT
    paths: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, stored: Any) -> "Selection | None":
        """Return what ``as_json`` describes, or ``UNREADABLE_SELECTION`` if a person wrote something else."""
        if not stored:
            return None
        try:
            paths, extra = tuple(stored["paths"]), _extra(stored["extra"])
            if isinstance(extra, Mapping) and all(isinstance(path, str) for path in paths):
                return cls(Mode(stored["mode"]), paths, extra)
        except (ValueError, TypeError, KeyError):
            pass
        return UNREADABLE_SELECTION

    def as_json(self) -> dict[str, Any]:
        """Return the selection, with ``extra`` as JSON text so that the database keeps the digits of its numbers."""
        extra = strict_json.render_literally(self.extra)
        return {"mode": str(self.mode), "paths": list(self.paths), "extra": extra}

    def of(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is sent of ``data``, with its values as they are.

        What is left out is left out of ``previous``, too, where an event of a change tells the former values.
        """
        tree = _tree(self.paths)
        if self.mode is Mode.KEEP:
            kept = _kept(data, tree) if tree else {}
        else:
            kept = _left(data, tree) if tree else dict(data)
            if tree and isinstance(kept.get(PREVIOUS), Mapping):
                kept[PREVIOUS] = _left_of_dotted(kept[PREVIOUS], tree)
        return {**kept, **self.extra}


UNREADABLE_SELECTION = Selection(Mode.KEEP)  # keeps nothing


class UnreadableFields(ValueError):
    """What a webhook gets of the data can't be read."""


def fields_text(fields: Mapping[str, Any] | None) -> str | None:
    """Return ``Webhook.fields`` as ``Delivery.fields`` holds it."""
    return json.dumps(fields, ensure_ascii=False) if fields else None


def selected(body: bytes, fields: str | None) -> bytes:
    """Return the body of an event with the data that a delivery sends. Numbers keep their literals.

    Args:
        fields: as ``Delivery.fields`` holds them. ``None`` means the event to the letter as it was published.

    Raises:
        UnreadableFields: ``fields`` can't be read.
    """
    if fields is None:
        return body
    if (selection := _parsed(fields)) is UNREADABLE_SELECTION:
        raise UnreadableFields
    members = strict_json.load_members(body)
    data = strict_json.render_literally(selection.of(members["data"].value))
    texts = {name: member.text for name, member in members.items()} | {"data": data}
    return ("{" + ",".join(f"{strict_json.render(name)}:{text}" for name, text in texts.items()) + "}").encode()


@lru_cache(maxsize=1_024)
def _parsed(fields: str) -> Selection:
    try:
        return Selection.parse(json.loads(fields)) or Selection()
    except ValueError:
        return UNREADABLE_SELECTION


def _extra(stored: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields that are added. Selections that were stored earlier have them as an object."""
    if not isinstance(stored, str):
        return stored
    extra: Mapping[str, Any] = strict_json.load_raw(stored.encode()).value
    return extra


def _tree(paths: Iterable[str]) -> Tree:
    root: Tree = {}
    whole: set[int] = set()  # the ids of subtrees that a shorter path names
    for path in sorted(paths, key=lambda path: path.count(".")):
        tree = root
        for name in path.split("."):
            if id(tree) in whole:
                break
            tree = tree.setdefault(name, {})
        else:
            whole.add(id(tree))
    return root


def _left(value: Any, tree: Tree) -> Any:
    """Return the value without what the tree names."""
    if isinstance(value, list):
        return [_left(item, tree) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _left(child, tree[name]) if name in tree else child
        for name, child in value.items()
        if name not in tree or tree[name]
    }


def _left_of_dotted(values: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """Return the values without what the tree names. Their names are paths, such as ``customer.email``."""
    left: dict[str, Any] = {}
    for path, value in values.items():
        below: Tree | None = tree
        for name in path.split("."):
            below = below.get(name) if below else below
        if below is None:
            left[path] = value
        elif below:
            left[path] = _left(value, below)
    return left


def _kept(value: Any, tree: Tree) -> Any:
    """Return what the tree names of the value."""
    if not tree:
        return value
    if isinstance(value, list):
        return [_kept(item, tree) for item in value if isinstance(item, dict | list)]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _kept(child, tree[name])
        for name, child in value.items()
        if name in tree and (not tree[name] or isinstance(child, dict | list))
    }
