"""What to tell about an error, and where to go from it."""

from dataclasses import dataclass

from flask import request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, UnprocessableEntity

from webhooks_ui.models import get_settings
from webhooks_ui.web.answers import came_from
from webhooks_ui.web.permissions import least_role, may
from webhooks_ui.web.template_helpers import words

Link = tuple[str, str]  # what it says, and its address

TEXTS = {
    400: ("That request can't be read", "Something in it is broken. Go back, reload the page and try again."),
    403: ("You may not open this page", "It isn't open to everybody."),
    404: ("There is nothing here", "It may have been deleted, or the address has a typing error."),
    405: ("This address takes no such request", "Go back to the page you came from and use its buttons."),
    413: ("That is too large", "Nothing was saved. A request may have 8 MiB, and a form in parts 1 MiB: send less."),
    422: ("That can't be done as it was sent", "Go back, reload the page and try again."),
    429: ("Too many tries", "Too many sign-ins failed from your address. Wait a minute, then try again."),
    500: ("Something went wrong on our side", "It has been logged. Try again; if it stays, tell the operator."),
    503: ("The database can't be reached right now", "Nothing was changed. Try again in a few seconds."),
}
EXPIRED = (
    "This form has expired",
    "Its page was opened before you last signed in or out, in another tab perhaps, so nothing was saved. "
    "Go back to copy what you typed, then open the page again.",
)


@dataclass(frozen=True)
class Help:
    """A title, a few sentences, and links to go on with: the best one first."""

    title: str
    advice: str
    links: tuple[Link, ...] = ()


def help_for(error: HTTPException) -> Help:
    """What helps whoever met ``error``. From 500 on it reads nothing from the database, which may be what failed."""
    status = error.code or 500
    title, advice = TEXTS.get(status) or TEXTS[500 if status >= 500 else 400]
    if status >= 500:
        return Help(title, advice, (("Try again", request.full_path if request.method == "GET" else came_from()),))
    if status == 429:
        return Help(title, advice, (("Back to the sign-in", url_for("session.new")),))
    if status == 403:
        return Help(title, _whose_role(), _home())
    if status == 404:
        return _not_found() or Help(title, advice, _home())
    if isinstance(error, CSRFError):
        return Help(*EXPIRED, (("Open the page again", came_from()),))
    if isinstance(error, UnprocessableEntity):
        advice = error.description or advice  # written by us, for the person who sent it
    return Help(title, advice, (("Back to the page", came_from()), *_home()) if request.method == "POST" else _home())


def _whose_role() -> str:
    if not current_user.is_authenticated:
        return TEXTS[403][1]
    needed = words(least_role(request.endpoint or "")).lower()
    who = f"You are signed in as {current_user.email}, whose role is {words(current_user.role).lower()}."
    return f"{who} This needs the role {needed} or higher: ask an admin if you need it for your work."


def _not_found() -> Help | None:
    wanted = request.view_args or {}
    if "delivery_id" in wanted:
        days = get_settings()["retention_days"]
        advice = f"It may have been purged: deliveries are kept for {days} days. The log has all that are still there."
        log = url_for("deliveries.index")
        title = f"There is no delivery {wanted['delivery_id']}{' of this webhook' if 'webhook_id' in wanted else ''}"
        return Help(title, advice, (("Go to Delivery Logs", log),))
    if "webhook_id" in wanted:
        advice = "It may have been deleted. What was sent to it stays in the log until it is purged."
        links = [*_home()]
        if _can("deliveries.index"):
            links += [("Its deliveries", url_for("deliveries.index", webhook=wanted["webhook_id"]))]
        return Help(f"There is no webhook {wanted['webhook_id']}", advice, tuple(links))
    return None


def _home() -> tuple[Link, ...]:
    """The page that works for whoever asks, if there is one."""
    if not current_user.is_authenticated:
        return (("Go to the sign-in", url_for("session.new")),)
    return (("Go to Webhooks", url_for("webhooks.index")),) if _can("webhooks.index") else ()


def _can(endpoint: str) -> bool:
    return current_user.is_authenticated and may(current_user.role, endpoint)
