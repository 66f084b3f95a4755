"""What may be done to a user, on both databases."""

import threading
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask

from tests.support.factories import make_user
from tests.support.people import PASSWORD, again, last_entry, make_codes, session_count, with_app
from webhooks_ui.database import db, writing
from webhooks_ui.models import OneTimeToken, Passkey, SignInMethod, TokenPurpose, User, UserStatus, utcnow
from webhooks_ui.people import accounts, recovery_codes, sessions, tokens
from webhooks_ui.people.accounts import Refused


def start_session(user: User) -> str:
    with writing():
        user = db.session.get_one(User, user.id)
        return sessions.start(user, SignInMethod.PASSWORD, two_factors=False, address="192.0.2.1", user_agent="Test")


def locked(user_id: int) -> User:
    user = accounts.lock_among_super_admins(user_id)
    assert user
    return user


def do(change: str, user: User, *arguments: object) -> object:
    """Do ``accounts.<change>`` to ``user``, as pages and commands do."""
    with writing():
        return getattr(accounts, change)(locked(user.id), *arguments)


@pytest.mark.parametrize(
    ("change", "arguments"),
    [("deactivate", ()), ("set_role", ("viewer",)), ("set_password", ("a new password 9",)), ("reset_password", ()),
     ("reset_second_factor", ()), ("end_sessions", ())],
)  # fmt: skip
def test_these_end_all_sessions_at_once(app: Flask, change: str, arguments: tuple[str, ...]) -> None:
    user = make_user()
    tokens_of_it = [start_session(user), start_session(user)]
    others = start_session(make_user("eva@example.com"))
    do(change, user, *arguments)
    assert [sessions.find(token) for token in tokens_of_it] == [None, None]
    assert sessions.find(others) is not None


def test_a_password_that_somebody_changes_keeps_the_session_of_the_change(app: Flask) -> None:
    user = make_user()
    own, other = start_session(user), start_session(user)
    with writing():
        accounts.set_password(locked(user.id), "a new password 9", keep=own)
    assert sessions.find(own) is not None
    assert sessions.find(other) is None


def test_the_same_role_again_ends_no_session(app: Flask) -> None:
    user = make_user()
    start_session(user)
    do("set_role", user, "admin")
    assert session_count(user) == 1


@pytest.mark.parametrize(("change", "arguments"), [("set_role", ("admin",)), ("deactivate", ())])
def test_the_last_super_admin_stays(app: Flask, change: str, arguments: tuple[str, ...]) -> None:
    last = make_user(role="super_admin")
    make_user("gone@example.com", "super_admin", deactivated_at=utcnow())
    make_user("invited@example.com", "super_admin", joined_at=None)
    with pytest.raises(Refused, match="is the last super admin"):
        do(change, last, *arguments)
    assert (again(last).role, last.status) == ("super_admin", UserStatus.ACTIVE)
    make_user("second@example.com", "super_admin")
    do(change, last, *arguments)
    happened = {"set_role": again(last).role == "admin", "deactivate": last.status == UserStatus.DEACTIVATED}
    assert [name for name, has_happened in happened.items() if has_happened] == [change]


def test_two_super_admins_can_not_demote_each_other_at_the_same_time(app: Flask) -> None:
    for _ in range(5):
        one, other = make_user(role="super_admin"), make_user("eva@example.com", "super_admin")
        ids, barrier = (one.id, other.id), threading.Barrier(2)
        results: list[str] = []
        db.session.rollback()

        def demote(user_id: int, results: list[str] = results, barrier: threading.Barrier = barrier) -> None:
            with app.app_context():
                barrier.wait()
                try:
                    with writing():
                        accounts.set_role(locked(user_id), "admin")
                    results.append("demoted")
                except Refused:
                    results.append("refused")

        threads = [threading.Thread(target=demote, args=(id,)) for id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == ["demoted", "refused"]
        assert len(accounts.super_admins()) == 1
        db.session.execute(db.delete(User))
        db.session.commit()


def test_who_was_deactivated_is_let_in_again(app: Flask) -> None:
    user = make_user()
    do("deactivate", user)
    assert again(user).status == UserStatus.DEACTIVATED
    do("activate", user)
    assert again(user).status == UserStatus.ACTIVE
    assert user.has_password(PASSWORD)


def test_deactivating_ends_open_links(app: Flask) -> None:
    user = make_user()
    token = str(do("reset_password", user))
    assert tokens.find(TokenPurpose.NEW_PASSWORD, token) is not None
    do("deactivate", user)
    do("activate", user)
    assert tokens.find(TokenPurpose.NEW_PASSWORD, token) is None


def test_a_reset_second_factor_leaves_nothing_of_it(app: Flask) -> None:
    user = with_app(make_user())
    make_codes(user)
    user.passkeys.append(Passkey(name="Phone", credential_id="abc", public_key=b"key", sign_count=0))
    db.session.commit()
    do("reset_second_factor", user)
    user = again(user)
    assert (user.has_totp, user.totp_secret_encrypted, user.passkeys) == (False, None, [])
    assert recovery_codes.count_left(user) == 0
    assert user.has_password(PASSWORD)


def test_a_reset_password_no_longer_works_and_gives_a_link(app: Flask) -> None:
    user = make_user()
    token = str(do("reset_password", user))
    assert not again(user).has_password(PASSWORD)
    with writing():
        assert tokens.use(TokenPurpose.NEW_PASSWORD, token) is user
    assert tokens.find(TokenPurpose.NEW_PASSWORD, token) is None


def test_a_password_is_kept_while_it_is_the_only_way_in(app: Flask) -> None:
    user = make_user()
    with pytest.raises(Refused, match="Add a passkey first"):
        do("remove_password", user)
    unverified = Passkey(name="Key", credential_id="abc", public_key=b"key", sign_count=0, verifies=False)
    user = again(user)
    user.passkeys.append(unverified)
    db.session.commit()
    with pytest.raises(Refused, match="Add a passkey first"):
        do("remove_password", user)
    again(user).passkeys[0].verifies = True
    db.session.commit()
    do("remove_password", user)
    assert again(user).password_hash is None
    assert not user.has_password("")


def test_an_invitation_works_72_hours_and_is_stored_as_a_hash(app: Flask) -> None:
    with writing():
        user, token = accounts.invite("Eva@Example.com ", "operator", "Eva\n Muster")
    assert (user.email, user.name, user.status) == ("eva@example.com", "Eva Muster", UserStatus.INVITED)
    assert token not in db.session.scalars(db.select(OneTimeToken.digest)).one()
    with time_machine.travel(utcnow() + timedelta(hours=71, minutes=59)):
        assert tokens.find(TokenPurpose.INVITATION, token) is user
    with time_machine.travel(utcnow() + timedelta(hours=72, seconds=1)):
        assert tokens.find(TokenPurpose.INVITATION, token) is None
    assert tokens.find(TokenPurpose.NEW_PASSWORD, token) is None


def test_an_invitation_of_a_clock_that_was_years_ahead_ends_with_that(app: Flask) -> None:
    with time_machine.travel(utcnow() + timedelta(days=3_652)), writing():
        user, token = accounts.invite("eva@example.com", "operator")
        assert tokens.find(TokenPurpose.INVITATION, token) is user
    assert tokens.find(TokenPurpose.INVITATION, token) is None
    assert tokens.expiry(TokenPurpose.INVITATION, user) is None


def test_inviting_again_ends_the_older_invitation_and_may_change_the_role(app: Flask) -> None:
    with writing():
        user, old = accounts.invite("eva@example.com", "operator")
    with writing():
        same, new = accounts.invite("eva@example.com", "admin")
    assert (same.id, same.role) == (user.id, "admin")
    assert tokens.find(TokenPurpose.INVITATION, old) is None
    assert tokens.find(TokenPurpose.INVITATION, new) is not None


@pytest.mark.parametrize("deactivated_at", [None, utcnow()])
def test_who_has_an_account_can_not_be_invited(app: Flask, deactivated_at: datetime | None) -> None:
    make_user("eva@example.com", deactivated_at=deactivated_at)
    with pytest.raises(Refused, match="exists already"), writing():
        accounts.invite("eva@example.com", "admin")


def test_an_address_that_is_added_twice_at_once_is_added_once(app: Flask) -> None:
    results, barrier = [], threading.Barrier(4)

    def create() -> None:
        with app.app_context():
            barrier.wait()
            try:
                with writing():
                    accounts.create("eva@example.com", "admin", PASSWORD)
                results.append("created")
            except Refused:
                results.append("refused")

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["created", "refused", "refused", "refused"]


def test_of_two_that_use_a_link_at_once_one_gets_through(app: Flask) -> None:
    with writing():
        _, token = accounts.invite("eva@example.com", "admin")
    results, barrier = [], threading.Barrier(4)

    def use() -> None:
        with app.app_context():
            barrier.wait()
            with writing():
                results.append(tokens.use(TokenPurpose.INVITATION, token) is not None)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("eva@example.com", True), ("a@b", True), ("eva", False), ("@b", False), ("a@", False), ("a b@c", False),
     ("a@b\n", False), ("a" * 250 + "@example.com", False), ("o'brien+x@example.com", True), ("jörg@exämple.com", True),
     ("eva@example.com,adam@example.com", False), ("eva,adam@example.com", False), ("eva;adam@example.com", False),
     ("<eva@example.com>", False), ('"eva@example.com', False), ("a@b@c", False), ("a:b@c", False), ("a(b)@c", False)],
)  # fmt: skip
def test_what_an_email_address_looks_like(text: str, is_right: bool) -> None:
    assert accounts.is_email(text) == is_right


def test_somebody_is_found_by_the_address_in_any_case_and_by_nothing_else(app: Flask) -> None:
    user = make_user("eva@example.com")
    assert accounts.find(" Eva@Example.com ") == user
    for other in ("", "eva", "eva@example.com\0", "\0", "%", "eva@example.com" * 50):
        assert accounts.find(other) is None


def test_the_audit_log_says_what_a_role_was_and_became(app: Flask) -> None:
    user = make_user()
    do("set_role", user, "viewer")
    entry = last_entry("user.role_changed")
    assert (entry.object_name, entry.before, entry.after) == (user.email, {"role": "admin"}, {"role": "viewer"})
