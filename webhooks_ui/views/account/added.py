"""What follows when somebody has set up a second factor."""

from flask import url_for

from webhooks_ui.database import db
from webhooks_ui.models import User, UserSession
from webhooks_ui.people import recovery_codes, sessions
from webhooks_ui.views.account.recovery_codes import keep_to_show
from webhooks_ui.web.access import current_session, renew_token


def note_added(user: User) -> str:
    """End the other sessions of ``user``, in which nobody has shown the new factor. Return the page to go to.

    That is the one of new recovery codes, unless there are some. The present session gets a new token, so that a copy
    of the cookie doesn't count as one with two factors.
    """
    sessions.end_all(user, but=renew_token())
    db.session.get_one(UserSession, current_session().id).two_factors = True
    if recovery_codes.count_left(user):
        return url_for("account.index")
    return keep_to_show(recovery_codes.replace(user))
