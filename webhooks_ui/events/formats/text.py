"""Text from customers in messages to people: on one line, visible, and no longer than its place allows."""

import unicodedata
from collections.abc import Callable, Iterable

ELLIPSIS = "…"
UNSEEN = "\N{REPLACEMENT CHARACTER}"
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # letters of some scripts and many emoji need them


class Writer:
    """Writes texts as one service reads them, and remembers whether it had to shorten one.

    Characters are counted as UTF-16 counts them, where an emoji is two. No service counts more than that.

    Args:
        total: characters in all texts together.
        pieces: returns how a text is written so that it is text and no markup, in pieces that must not be divided.
    """

    def __init__(self, total: int, pieces: Callable[[str], Iterable[str]] = iter) -> None:
        self.left = total
        self.has_shortened = False
        self._pieces = pieces

    def write(self, text: str, most: int) -> str:
        """Return ``text`` escaped, in ``most`` characters and in what is left of all. A shortened text ends with ``…``.

        Return an empty text if nothing is left.
        """
        most = min(most, self.left)
        written = self._cut(text, most) if most > 0 else ""
        self.has_shortened = self.has_shortened or (bool(text) and not written)
        self.left -= units(written)
        return written

    def _cut(self, text: str, most: int) -> str:
        pieces: list[str] = []
        length, kept = 0, 0  # kept: the pieces that leave room for the ellipsis
        for piece in self._pieces(text):
            length += units(piece)
            if length > most:
                self.has_shortened = True
                return "".join(pieces[:kept]).rstrip() + ELLIPSIS
            pieces.append(piece)
            if length < most:
                kept = len(pieces)
        return "".join(pieces)


def one_line(text: str) -> str:
    """Return ``text`` on one line, without space around it.

    Control characters and invisible ones, such as those that reverse the direction of writing, become ``�``.
    """
    return " ".join("".join(map(_visible, text)).split())


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\t\n\v\f\r\x85":
        return " "
    is_unseen = category in ("Cc", "Cf", "Cs") and character not in JOINERS
    return UNSEEN if is_unseen or _is_noncharacter(ord(character)) else character


def _is_noncharacter(code: int) -> bool:
    """Return True if Unicode never gives a meaning to the code (The Unicode Standard, 23.7)."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
