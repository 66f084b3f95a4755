"""Whether a name can be seen."""

import unicodedata

BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # fillers of Hangul, and the empty pattern of Braille


def is_visible(text: str) -> bool:
    """Return True if ``text`` has a character that can be seen by itself. Marks can't, and some letters are blank."""
    return any(unicodedata.category(character)[0] not in "CMZ" and character not in BLANKS for character in text)
