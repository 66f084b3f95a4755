"""Notify: mail the admins about webhooks that fail, lose events or were disabled, at most once a day about each.

Webhooks are claimed before the mail goes out, in a transaction of its own, so that only one of two workers sends it. If
the mail can't be sent, the claim is undone, and the next run tries again.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, and_, or_, select, update

from jobs.chores.notice_mail import COLUMNS, Told, subject, text
from webhooks_ui.database import db, release, write_transaction
from webhooks_ui.models import IS_MEMBER, User, Webhook, utcnow
from webhooks_ui.models.user import RANK, Role
from webhooks_ui.models.webhook_state import IS_NOTICED, IS_REMINDED
from webhooks_ui.webhooks.notices import noticed

NOTIFY_SECONDS = 60
QUIET = timedelta(hours=24)
BATCH_ROWS = 1_000

logger = logging.getLogger(__name__)


def notify() -> None:
    """Send one mail about all webhooks that are due for it. A failure is logged and not raised."""
    server = current_app.config["SMTP"]
    if server is None:
        return
    from jobs.chores.mail import Unanswered, send_mail  # imported only if needed, because it loads the TLS modules

    ids, recipients = sorted(row.id for row in noticed()), admin_addresses()
    release()  # hold no transaction open while claiming or sending
    now = utcnow()
    claimed = _mark(ids, IS_NOTICED & _is_due(now), now) if ids and recipients else []
    if not claimed:
        return
    try:
        message = subject(claimed), text(claimed, current_app.config["PUBLIC_URL"])
        send_mail(server, current_app.config["MAIL_FROM"], recipients, *message)
    except Unanswered as error:
        logger.warning("Mail through %s may have gone out or not (notices: %d): %s", server.host, len(claimed), error)
    except Exception as error:  # after any error, the notice must not be lost
        _mark([row.id for row in claimed], Webhook.notified_at == now, None)
        reason = " ".join(str(error).split()) or type(error).__name__
        logger.warning("Mail through %s failed and is tried again (notices: %d): %s", server.host, len(claimed), reason)


def admin_addresses() -> list[str]:
    """Return the addresses of all users who may sign in and see the notices."""
    roles = [role for role in Role if RANK[role] >= RANK[Role.ADMIN]]
    return list(db.session.scalars(select(User.email).where(IS_MEMBER, User.role.in_(roles)).order_by(User.id)))


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no mail was sent within the last day.

    A time in the far future comes from a clock that was wrong, and doesn't count. About the end of a certificate alone,
    one mail is enough: when its notice begins, and when it changes.
    """
    again = and_(IS_REMINDED, ~Webhook.notified_at.between(now - QUIET, now + QUIET))
    return or_(Webhook.notified_at.is_(None), again)


def _mark(ids: Sequence[int], condition: ColumnElement[bool], at: datetime | None) -> list[Told]:
    """Set ``notified_at`` of those of ``ids`` for which ``condition`` holds. Return their rows for the mail.

    Webhooks are locked in the order of their ids, as in ``record``, so that no deadlock can occur.
    """
    marked: list[Told] = []
    with write_transaction() as connection:
        for batch in _batches(ids):
            rows = select(*COLUMNS).where(Webhook.id.in_(batch), condition).order_by(Webhook.id)
            found = [Told(*row) for row in connection.execute(rows.with_for_update(key_share=True))]
            marked += found
            connection.execute(update(Webhook).where(Webhook.id.in_([row.id for row in found])).values(notified_at=at))
    return marked


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH_ROWS] for start in range(0, len(ids), BATCH_ROWS))
