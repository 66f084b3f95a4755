"""People with a second factor, and what their apps show."""

from datetime import datetime

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webhooks_ui.database import db, writing
from webhooks_ui.models import AuditEntry, SignInMethod, User, UserSession, utcnow
from webhooks_ui.people import recovery_codes, sessions, totp
from webhooks_ui.web.access import TOKEN

PASSWORD = "correct horse battery"


def with_app(user: User) -> User:
    """Set up an authenticator app for ``user``."""
    totp.set_up(user)
    user.totp_enabled_at = utcnow()
    db.session.commit()
    return user


def code_of(user: User, at: datetime | None = None) -> str:
    """Return what the app of ``user`` shows, now or at another time."""
    return pyotp.TOTP(totp.secret_of(user)).at(at or utcnow())


def make_codes(user: User) -> list[str]:
    """Give ``user`` recovery codes."""
    with writing():
        return recovery_codes.replace(db.session.get_one(User, user.id))


def start_session(client: FlaskClient, user: User) -> None:
    """Sign ``client`` in as ``user``, without the form."""
    with writing():
        user = db.session.get_one(User, user.id)
        token = sessions.start(user, SignInMethod.PASSWORD, two_factors=False, address="127.0.0.1", user_agent="Test")
    with client.session_transaction() as cookie:
        cookie[TOKEN] = token


def copy_of(client: FlaskClient) -> FlaskClient:
    """Return a client with a copy of the cookie, as somebody has who stole it."""
    copy, cookie = client.application.test_client(), client.get_cookie("session")
    assert cookie
    copy.set_cookie("session", cookie.value)
    return copy


def is_signed_in(client: FlaskClient) -> bool:
    db.session.rollback()  # a request of a server begins a transaction of its own
    return client.get("/account").status_code == 200


def sign_in(client: FlaskClient, email: str = "admin@example.com", password: str = PASSWORD) -> TestResponse:
    return client.post("/login", data={"email": email, "password": password})


def again(user: User) -> User:
    """Read ``user`` again, in a new transaction."""
    db.session.rollback()
    return db.session.get_one(User, user.id, populate_existing=True)


def session_count(user: User) -> int:
    db.session.rollback()
    return int(db.session.scalar(db.select(db.func.count()).where(UserSession.user_id == user.id)) or 0)


def actions(object_type: str = "user") -> list[str]:
    """Return the actions in the audit log, oldest first."""
    db.session.rollback()
    query = db.select(AuditEntry.action).where(AuditEntry.object_type == object_type).order_by(AuditEntry.id)
    return list(db.session.scalars(query))


def last_entry(action: str) -> AuditEntry:
    """Return the newest entry for ``action``."""
    db.session.rollback()
    query = db.select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id.desc()).limit(1)
    entry: AuditEntry = db.session.scalars(query).one()
    return entry
