"""Style sheets, scripts and pictures. Browsers cache each of them until its content changes."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from flask import Flask, Response, abort, request
from markupsafe import Markup

from config import ROOT

FOLDER = ROOT / "static"
LAYERS = (  # a later one wins over an earlier one
    "tokens",
    "base",
    "layout",
    "forms",
    "tables",
    "buttons",
    "overlays",
    "components",
    "charts",
    "overview",
    "webhooks",
    "webhook",
    "webhook_form",
    "webhook_test",
    "deliveries",
    "saved_filters",
    "bulk_actions",
    "notices",
    "event_types",
    "inspectors",
    "audit_log",
    "api_keys",
    "settings",
    "session",
    "account",
    "utilities",
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


def register(app: Flask) -> None:
    app.add_url_rule("/assets/<name>", "asset", serve)
    app.add_template_global(asset_url)
    app.add_template_global(icon)


def asset_url(name: str) -> str:
    """Return the address of an asset. It contains a hash of the content, so that browsers may cache it for ever."""
    return f"{request.script_root}{_address(name)}"


def icon(name: str) -> Markup:
    """Return an icon of static/icons.svg, hidden from screen readers.

    It is a function because a macro would be too slow: a page has a hundred icons.
    """
    return _icon(request.script_root, name)


@lru_cache(maxsize=256)
def _icon(prefix: str, name: str) -> Markup:
    sprite = f"{prefix}{_address('icons.svg')}"
    address = f"{sprite}#{name}"
    # The size counts where the style sheet is missing.
    return Markup('<svg class="icon" width="16" height="16" aria-hidden="true"><use href="{}"/></svg>').format(address)


def serve(name: str) -> Response:
    if name not in SOURCES:
        abort(404)
    response = Response(_read(name), content_type=f"{TYPES[Path(name).suffix]}; charset=utf-8")
    response.headers["Cache-Control"] = FOREVER if "v" in request.args else "no-cache"
    return response


def _style_sheet() -> bytes:
    order = f"@layer {', '.join(LAYERS)};\n"
    return order.encode() + b"\n".join((FOLDER / "css" / f"{layer}.css").read_bytes() for layer in LAYERS)


def _htmx() -> bytes:
    return files("js_lib_htmx").joinpath("static/htmx/htmx.min.js").read_bytes()


SOURCES: dict[str, Callable[[], bytes]] = {
    "app.css": _style_sheet,
    "app.js": lambda: (FOLDER / "js" / "app.js").read_bytes(),
    "passkeys.js": lambda: (FOLDER / "js" / "passkeys.js").read_bytes(),
    "htmx.js": _htmx,
    "icons.svg": lambda: (FOLDER / "icons.svg").read_bytes(),
    "favicon.svg": lambda: (FOLDER / "favicon.svg").read_bytes(),
}


@lru_cache(maxsize=len(SOURCES))
def _read(name: str) -> bytes:
    return SOURCES[name]()


@lru_cache(maxsize=len(SOURCES))
def _address(name: str) -> str:
    return f"/assets/{name}?v={hashlib.sha256(_read(name)).hexdigest()[:12]}"
