"""Code that verifies a delivery, for developers of endpoints to copy."""

from functools import cache

from config import ROOT

LANGUAGES = {
    "python": "Python",
    "javascript": "JavaScript",
    "php": "PHP",
    "go": "Go",
    "ruby": "Ruby",
    "openssl": "openssl",
}


@cache
def snippets() -> dict[str, tuple[str, str]]:
    """Return the name and the code of each language."""
    folder = ROOT / "templates" / "webhooks" / "snippets"
    return {key: (name, (folder / f"{key}.txt").read_text(encoding="utf-8")) for key, name in LANGUAGES.items()}
