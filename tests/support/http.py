"""What the requests of tests share."""

import re

HTMX = {"HX-Request": "true"}  # headers that ask for the fragment instead of the page


def form_token(page: str) -> str:
    """Return the token that lets a form of ``page`` work once."""
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found, "the page has no form token"
    return found[1]
