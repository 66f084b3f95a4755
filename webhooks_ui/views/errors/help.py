"""What an error page says, and where its links lead."""

from dataclasses import dataclass

from flask import current_app, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, UnprocessableEntity

from webhooks_ui.models import get_settings
from webhooks_ui.models.visible import words
from webhooks_ui.people.accounts import super_admins
from webhooks_ui.web import resume
from webhooks_ui.web.answers import came_from
from webhooks_ui.web.permissions import least_role
from webhooks_ui.web.request_headers import WrongHost
from webhooks_ui.web.template_helpers import can

Link = tuple[str, str]  # text and address
HELPERS_MAX = 3

TEXTS = {
    400: ("Your request can't be read", "Part of it is damaged or missing. Go back, reload the page and try again."),
    403: ("You don't have access to this page", "Sign in with an account that has access, or ask a super admin."),
    404: ("Page not found", "It may have been deleted, or the address may have a typo."),
    405: ("This address doesn't accept your request", "Go back to the page that you came from and use its buttons."),
    409: (
        "This was deleted while you changed it",
        "Somebody else, or you in another tab, deleted it at the same moment. Nothing was saved.",
    ),
    413: (
        "Your request is too large",
        "Nothing was saved. A form can have up to 2 MiB and 10,000 fields, and any other request up to 8 MiB. "
        "Send less.",
    ),
    422: ("Your request can't be processed", "Go back, reload the page and try again."),
    429: (
        "Signing in failed too often",
        "There were too many failed attempts to sign in from your network address or for this account. "
        "Wait a minute, then try again. After many failures for one account it can take ten minutes.",
    ),
    500: (
        "Something went wrong on our side",
        "The error was logged. Try again. If it happens again, tell the operator.",
    ),
    503: ("The database can't be reached right now", "Nothing was changed. Try again in a few seconds."),
}
ASKED_TOO_OFTEN = (
    "Too many links were asked for",
    "Too many links for a new password were asked for from your network address. Look for one in your mail, also in "
    "the spam, or try again in an hour.",
)
EXPIRED = (
    "This form has expired",
    "You signed in or out after you opened it, perhaps in another tab, so nothing was saved. "
    "Go back and copy what you typed, then open the page again.",
)
NO_COOKIE = (
    "Your browser sent no cookie with this form",
    "Nothing was saved. Open the page again. If that doesn't help, allow cookies for this site, and use its https "
    "address: in production, browsers get no cookie without https.",
)
NO_REFERER = (
    "Your browser didn't say where this form is from",
    "Nothing was saved. With https, the portal takes forms of its own pages only, and knows them by the header "
    "Referer. Your browser, one of its extensions or a proxy leaves that out. Allow it for this site.",
)
OTHER_REFERER = (
    "This form is from another address",
    "Nothing was saved. If you sent it from the portal, the proxy in front of it passes on another host or port than "
    "your browser asked for. Tell the operator: docs/proxies.md says what the proxy must send.",
)

TYPO = "The address may have a typo."
LISTED = {  # by the argument of the address: what it names, why there may be none, and the section that lists all
    "inspector_id": (
        "inspector",
        "It may have been deleted or have ended. Only the person who made an inspector can open it.",
        *("Inspector", "inspectors.index"),
    ),
    "key_id": ("API key", f"{TYPO} Keys that were revoked stay in the list.", "API Keys", "api_keys.index"),
    "user_id": ("person", f"{TYPO} People who were deactivated stay in the list.", "Team", "team.index"),
    "action_id": ("bulk action", TYPO, "Bulk actions", "bulk_actions.index"),
}


@dataclass(frozen=True)
class Help:
    """A title, a few sentences of advice, and links. The first link is the most useful one.

    ``form`` has the fields of a form that can be sent again as it was, which is more useful than all links.
    """

    title: str
    advice: str
    links: tuple[Link, ...] = ()
    form: tuple[tuple[str, str], ...] = ()


def help_for(error: HTTPException) -> Help:
    """Return the help for ``error``.

    From status 500 on it reads nothing from the database, which may be the cause of the error.
    """
    status = error.code or 500
    title, advice = TEXTS.get(status) or TEXTS[500 if status >= 500 else 400]
    if status >= 500:
        if form := resume.sent():
            return Help(title, f"{advice} This page keeps what you typed.", form=form)
        return Help(title, advice, (("Try again", request.full_path if request.method == "GET" else came_from()),))
    if status == 429:
        if request.endpoint == "new_passwords.create":
            title, advice = ASKED_TOO_OFTEN
        return Help(title, advice, (("Back to the sign-in page", url_for("session.new")),))
    if status == 403:
        return Help(title, _whose_role(), _home())
    if status == 404:
        return _not_found() or Help(title, advice, _home())
    if isinstance(error, CSRFError):
        return Help(*_refused_form(error.description or ""), (("Open the page again", came_from()),))
    if isinstance(error, UnprocessableEntity | WrongHost):
        advice = error.description or advice  # our views write it for people
    return Help(title, advice, (("Back to the page", came_from()), *_home()) if request.method == "POST" else _home())


def _refused_form(why: str) -> tuple[str, str]:
    """Return the title and the advice for a form that may have been sent by another site.

    Args:
        why: Flask-WTF's description of the error.
    """
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return NO_COOKIE
    if why.startswith("The referrer"):
        return NO_REFERER if "missing" in why else OTHER_REFERER
    return EXPIRED


def _whose_role() -> str:
    if not current_user.is_authenticated:
        return TEXTS[403][1]
    needed = words(least_role(request.endpoint or "")).lower()
    who = f"You are signed in as {current_user.email} with the role {words(current_user.role).lower()}."
    return f"{who} This needs the role {needed} or higher. {_who_helps()}"


def _who_helps() -> str:
    """Return who can give somebody another role, by name, as far as there is room."""
    others = [user for user in super_admins() if user.id != current_user.id]
    names = [f"{user.name} ({user.email})" if user.name else user.email for user in others]
    if not names:
        return "Ask a super admin if you need it for your work."
    shown = names[:HELPERS_MAX] + (["another super admin"] if len(names) > HELPERS_MAX else [])
    who = f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else shown[0]
    return f"If you need it for your work, ask {who}."


def _not_found() -> Help | None:
    wanted = request.view_args or {}
    if "token" in wanted:
        advice = (
            "It was used already, its time is over, or a newer one was sent. Ask for a new one: "
            "for a password on the sign-in page, for an invitation the person who invited you."
        )
        return Help("This link no longer works", advice, (("Go to the sign-in page", url_for("session.new")),))
    if "delivery_id" in wanted:
        days = get_settings()["retention_days"]
        advice = f"It may have been purged: deliveries are kept for {days} days. The log lists all that still exist."
        log = url_for("deliveries.index")
        title = f"There is no delivery {wanted['delivery_id']}{' of this webhook' if 'webhook_id' in wanted else ''}"
        return Help(title, advice, (("Go to Webhook Deliveries", log),))
    if "event_id" in wanted:
        days = get_settings()["retention_days"]
        advice = f"It may have been purged: events are kept for {days} days, as their deliveries are."
        return Help(
            f"There is no event {wanted['event_id']}",
            advice,
            (("Go to Webhook Deliveries", url_for("deliveries.index")),),
        )
    for name, (what, advice, section, endpoint) in LISTED.items():
        if name in wanted:
            return Help(f"There is no {what} {wanted[name]}", advice, ((f"Go to {section}", url_for(endpoint)),))
    if "webhook_id" in wanted:
        advice = "It may have been deleted. Its deliveries stay in the log until they are purged."
        links = [*_home()]
        if can("deliveries.index"):
            links += [("View its deliveries", url_for("deliveries.index", webhook=wanted["webhook_id"]))]
        return Help(f"There is no webhook {wanted['webhook_id']}", advice, tuple(links))
    return None


def _home() -> tuple[Link, ...]:
    """Return a link to a page that the person may open, if there is one."""
    if not current_user.is_authenticated:
        return (("Go to the sign-in page", url_for("session.new")),)
    if can("webhooks.index"):
        return (("Go to Webhooks", url_for("webhooks.index")),)
    return (("Your account", url_for("account.index")),)
