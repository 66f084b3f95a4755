"""What somebody typed into a form when their session ended: it is kept until they have signed in, and then sent again.

It isn't stored. It travels through the pages of signing in as a hidden field, signed by us.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Response, current_app, g, make_response, render_template, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from webhooks_ui.web.signer import Signer

FIELD = "resume"
FOR_SECONDS = 3_600
MAX_CHARACTERS = 300_000
WORDS = {  # by endpoint, in "You can send … now."
    "webhooks.create": "your new webhook",
    "webhooks.update": "your changes to the webhook",
    "webhooks.preview_new": "your new webhook to the preview",
    "webhooks.preview_edit": "your changes to the webhook to the preview",
    "webhooks.create_test": "your test event",
    "webhooks.save_payload": "your test payload",
    "webhooks.check_signature": "what you pasted",
    "saved_filters.create": "your saved filter",
    "event_types.create": "your new event type",
    "event_types.update": "your changes to the event type",
    "api_keys.create": "your new API key",
    "api_keys.update": "your changes to the API key",
    "settings.update": "your changes to the settings",
    "inspectors.update": "your changes to the inspector",
    "team.invite": "your invitation",
    "recoveries.create": "your choice of deliveries",
    "recoveries.send_missed": "your choice of events",
}
PREVIEWS = {"webhooks.create": "webhooks.preview_new", "webhooks.update": "webhooks.preview_edit"}
REFRESHES = frozenset(PREVIEWS.values())  # the form sends these by itself while somebody types
_LEFT_OUT = ("csrf_token", FIELD)


class Kept(NamedTuple):
    """A form that was sent without a session."""

    what: str
    path: str
    form: str  # the address that shows the form again with what was typed, or an empty text
    fields: list[tuple[str, str]]


def sign() -> str:
    """Return the form of this request as a signed text, or an empty text if it isn't one that is kept."""
    endpoint = request.endpoint or ""
    if not _is_kept():
        return ""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in _LEFT_OUT]
    preview = url_for(PREVIEWS[endpoint], **(request.view_args or {})) if endpoint in PREVIEWS else ""
    kept = Kept(WORDS[endpoint], request.full_path.rstrip("?"), preview, fields)
    text = _signer().dumps(kept)
    return text if len(text) <= MAX_CHARACTERS else ""


def sent() -> tuple[tuple[str, str], ...]:
    """Return the fields of this request's form, to send them again, or nothing if it isn't one that is kept."""
    if not _is_kept():
        return ()
    try:
        return tuple(request.form.items(multi=True))
    except HTTPException:  # it can't be read, for example because it is too large
        return ()


def _is_kept() -> bool:
    """Return True if this request sends a form that is kept.

    Only a form of this site is kept. Else another site could put words into somebody's mouth.
    """
    return request.method == "POST" and request.endpoint in WORDS and is_from_here()


def carried() -> str:
    """Return the signed form that this request carries from page to page, or an empty text."""
    text = g.get("kept_form") or request.form.get(FIELD, "")
    return text if opened(text) else ""


def carry(signed: str) -> None:
    """Make the pages that this request shows carry the form."""
    g.kept_form = signed


def opened(signed: str) -> Kept | None:
    """Return the form that ``sign`` signed, or None if this isn't one, or is too old."""
    if not signed:
        return None
    try:
        return Kept(*_signer().loads(signed, max_age=FOR_SECONDS))
    except BadData:
        return None


def field() -> Markup:
    """Return the hidden field that carries the form, if there is one. Forms to sign in with contain it."""
    signed = carried()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, signed) if signed else Markup()


def page(signed: str) -> Response:
    """Return the page that shows what was typed, and sends it again."""
    return make_response(render_template("session/resume.html", kept=opened(signed)))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="resume", signer=Signer)


def is_from_here() -> bool:
    """Return True if a page of this site sent the request."""
    return urlsplit(request.headers.get("Origin") or request.referrer or "").netloc == request.host
