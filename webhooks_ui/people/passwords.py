"""Judges new passwords: 12 characters or more, and none that is easy to guess.

The estimate is zxcvbn's, which knows common passwords, names, dates and patterns of the keyboard. Length and estimate
follow NIST SP 800-63B, 5.1.1.2: no rules about kinds of characters. Words about the person and the product count for
nothing.
"""

import re
from collections.abc import Iterable
from unicodedata import category

PASSWORD_MIN_CHARACTERS = 12
PASSWORD_MAX_CHARACTERS = 1_000
JUDGED_CHARACTERS = 32  # zxcvbn takes seconds for longer texts that are made for it
ABOUT_MAX_CHARACTERS = 254  # of a text about the person. No address or name is longer, and long texts take seconds
LEAST_SCORE = 3  # of 0 to 4: "safely unguessable", at least 10^8 guesses
OF_THE_PRODUCT = ("keymanager", "webhooks", "webhook", "license", "portal")
UNTYPED = ("Cc", "Cs")  # control characters, and halves of characters that were no UTF-8
SEPARATORS = r"[\W_]*"  # what may stand between two letters of a word


def problem_of(password: str, about: Iterable[str] = ()) -> str | None:
    """Return what is wrong with a new password and how to fix it, or ``None`` if it is good.

    Args:
        about: texts that are easy to guess for this person, such as the email address and the name.
    """
    if any(category(character) in UNTYPED for character in password):
        return "A password has no control characters, such as NUL or a tab."
    if not PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS:
        return (
            f"A password has {PASSWORD_MIN_CHARACTERS} to {PASSWORD_MAX_CHARACTERS:,} characters, "
            f"but this one has {len(password):,}."
        )
    from zxcvbn import zxcvbn  # imported only if needed, because its word lists take memory

    # Both count, because the rest of a common word can look random.
    texts = {text[:JUDGED_CHARACTERS] for text in (password, _without(_words([*OF_THE_PRODUCT, *about]), password))}
    judged = [zxcvbn(text) for text in sorted(texts) if text]  # zxcvbn fails at an empty text
    worst = min(judged, key=lambda one: int(one["score"]))
    if worst["score"] >= LEAST_SCORE and all(texts):
        return None
    warning = str(worst["feedback"]["warning"]).rstrip(".")
    reason = f"This password is easy to guess. {warning}." if warning else "This password is easy to guess."
    return f"{reason} Take several words that don't belong together, or let a password manager make one."


def _words(texts: Iterable[str]) -> set[str]:
    """Return the words that ``texts`` are made of, but short ones."""
    apart = "".join(
        character if character.isalnum() else " "
        for text in texts
        for character in f"{text[:ABOUT_MAX_CHARACTERS].lower()} "
    )
    return {word for word in apart.split() if len(word) > 2}


def _without(words: set[str], password: str) -> str:
    """Return ``password`` without ``words``, whatever their case and whatever separates their letters.

    The longest goes first.
    """
    for word in sorted(words, key=len, reverse=True):
        password = re.sub(SEPARATORS.join(word), "", password, flags=re.IGNORECASE)
    return password
