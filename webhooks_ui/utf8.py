"""What UTF-8 can hold. Half of a surrogate pair is no character, and stands for a byte that couldn't be read."""


def is_utf8(text: str) -> bool:
    """Return True if ``text`` can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
