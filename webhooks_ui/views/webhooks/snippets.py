"""Code that verifies a delivery, for developers of endpoints to copy."""

from functools import cache

from config import ROOT

GROUPS = {
    "Languages": {
        "python": "Python",
        "javascript": "JavaScript",
        "php": "PHP",
        "go": "Go",
        "ruby": "Ruby",
        "openssl": "Shell, with openssl",
        "standardwebhooks": "Library standardwebhooks",
    },
    "Frameworks": {
        "flask": "Flask",
        "django": "Django",
        "fastapi": "FastAPI",
        "node": "Node",
        "express": "Express",
        "laravel": "Laravel",
        "rails": "Rails",
    },
}
NAMES = tuple(key for group in GROUPS.values() for key in group)


@cache
def snippets() -> dict[str, dict[str, tuple[str, str]]]:
    """Return the name and the code of each language and each framework, by group."""
    folder = ROOT / "templates" / "webhooks" / "snippets"
    return {
        group: {key: (name, (folder / f"{key}.txt").read_text(encoding="utf-8")) for key, name in names.items()}
        for group, names in GROUPS.items()
    }
