"""Account mail: invitations, and links for a new password."""

import logging

from flask import current_app

from webhooks_ui import audit
from webhooks_ui.database import db, writing
from webhooks_ui.models import OneTimeToken, TokenPurpose, User, utcnow
from webhooks_ui.people import accounts, tokens
from webhooks_ui.people.links import address_of

JOB = "jobs.chores.account_mail.mail_new_password"
QUIET_SECONDS = 300  # between two mails with a link for a new password to the same person

logger = logging.getLogger(__name__)


class NotSent(Exception):
    """The mail could not be sent. The message says why."""


def mail_invitation(email: str, role: str, link: str, by: str) -> None:
    """Mail an invitation.

    Raises:
        NotSent: no mail server is set, or it doesn't take the mail.
    """
    hours = tokens.HOURS[TokenPurpose.INVITATION]
    text = (
        f"{by} invites you to the KeyManager portal, with the role {role.replace('_', ' ')}.\n\n"
        f"To accept, open this link within {hours} hours. It works once:\n\n{link}\n\n"
        "If you don't know what this is about, ignore this mail.\n"
    )
    _send(email, "You are invited to KeyManager", text)


def mail_link(email: str, link: str) -> None:
    """Mail a link for a new password.

    Raises:
        NotSent: no mail server is set, or it doesn't take the mail.
    """
    hours = tokens.HOURS[TokenPurpose.NEW_PASSWORD]
    text = (
        f"Open this link within {hours} hours to choose a new password for {email}. It works once:\n\n{link}\n\n"
        "If nobody should have asked for it, tell a super admin. Without the link, nothing changes.\n"
    )
    _send(email, "Your new password for KeyManager", text)


def mail_new_password(email: str) -> None:
    """Mail a link for a new password to the person with that address, if there is one who has joined.

    It is a job, so that the page answers equally fast for all addresses, and so that Redis never holds a link.
    """
    with writing():
        user = accounts.find(email)
        user = accounts.lock(user.id) if user else None
        if user is None or not user.is_active or user.joined_at is None or _was_mailed_lately(user):
            return
        link = address_of(TokenPurpose.NEW_PASSWORD, tokens.create(TokenPurpose.NEW_PASSWORD, user))
        audit.record("user.password_link_sent", "user", user.id, user.email)
    try:
        mail_link(email, link)
    except NotSent as error:
        logger.warning("The mail with a link for a new password could not be sent: %s", error)


def _was_mailed_lately(user: User) -> bool:
    query = db.select(OneTimeToken.created_at).where(
        OneTimeToken.user_id == user.id, OneTimeToken.purpose == TokenPurpose.NEW_PASSWORD
    )
    last = db.session.scalar(query)
    return last is not None and abs((utcnow() - last).total_seconds()) < QUIET_SECONDS


def _send(email: str, subject: str, text: str) -> None:
    from jobs.chores.mail import Unanswered, send_mail  # imported only if needed, because it loads the TLS modules

    server = current_app.config["SMTP"]
    if server is None:
        raise NotSent("SMTP_URL is not set")
    try:
        send_mail(server, current_app.config["MAIL_FROM"], [email], subject, text)
    except (OSError, Unanswered) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise NotSent(" ".join(reason.split()) or type(error).__name__) from error
