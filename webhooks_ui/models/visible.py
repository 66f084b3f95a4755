"""What people see of a text."""

import unicodedata

BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # fillers of Hangul, and the empty pattern of Braille


def is_visible(text: str) -> bool:
    """Return True if ``text`` has a character that can be seen by itself. Marks can't, and some letters are blank."""
    return any(unicodedata.category(character)[0] not in "CMZ" and character not in BLANKS for character in text)


def in_one_line(text: str) -> str:
    """Return ``text`` without characters that end a line or a header, or change the direction of writing."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def words(name: str) -> str:
    """Return ``Super admin`` for ``super_admin``. A name without words stays as it is."""
    return " ".join(name.replace("_", " ").split()).capitalize() or name
