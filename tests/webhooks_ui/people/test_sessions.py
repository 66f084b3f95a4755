"""How long sessions last."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from tests.support.factories import make_user
from tests.support.locks import locked
from tests.support.people import again, session_count
from webhooks_ui.database import db, writing
from webhooks_ui.models import SignInMethod, User, UserSession, utcnow
from webhooks_ui.people import sessions

HOUR = timedelta(hours=1)


def start(user: User, user_agent: str = "Test") -> str:
    with writing():
        user = db.session.get_one(User, user.id)
        return sessions.start(user, SignInMethod.PASSWORD, two_factors=False, address="::1", user_agent=user_agent)


def use(token: str) -> bool:
    """Find and use a session, as a request does. Return True if it lasts."""
    db.session.rollback()
    found = sessions.find(token)
    if found:
        sessions.note_use(found)
    return found is not None


def test_a_session_ends_after_12_hours_without_use(app: Flask) -> None:
    token, now = start(make_user()), utcnow()
    with time_machine.travel(now + 11 * HOUR):
        assert use(token)
    with time_machine.travel(now + 22 * HOUR):
        assert use(token)
    with time_machine.travel(now + 35 * HOUR):
        assert not use(token)


def test_a_session_ends_after_7_days_however_much_it_is_used(app: Flask) -> None:
    token, now = start(make_user()), utcnow()
    for hours in range(10, 7 * 24, 10):
        with time_machine.travel(now + hours * HOUR):
            assert use(token)
    with time_machine.travel(now + 7 * 24 * HOUR + timedelta(seconds=1)):
        assert not use(token)


def test_a_session_that_began_while_the_clock_was_years_ahead_ends_with_that(app: Flask) -> None:
    with time_machine.travel(utcnow() + timedelta(days=3_652)):
        token = start(make_user())
        assert sessions.find(token)
    assert sessions.find(token) is None
    assert db.session.scalar(db.select(db.func.count()).select_from(UserSession).where(sessions.have_ended())) == 1


def test_a_session_outlasts_a_clock_that_is_set_right(app: Flask) -> None:
    with time_machine.travel(utcnow() + HOUR):
        token = start(make_user())
    assert sessions.find(token)


def test_a_use_is_written_at_most_once_a_minute(app: Flask) -> None:
    user = make_user()
    token, now = start(user), utcnow()
    with time_machine.travel(now + timedelta(seconds=50)):
        use(token)
    assert (again(user).last_seen_at or now) - now < timedelta(seconds=5)
    with time_machine.travel(now + timedelta(seconds=70)):
        use(token)
    assert again(user).last_seen_at == db.session.scalar(db.select(UserSession.last_seen_at))
    assert (user.last_seen_at or now) - now > timedelta(seconds=60)


def test_a_use_that_can_not_be_written_is_no_error(app: Flask, tmp_path: Path) -> None:
    token = start(make_user())
    with time_machine.travel(utcnow() + HOUR), locked(tmp_path / "webhooks.db"):
        assert use(token)
        assert use(token)


def test_the_token_is_stored_as_a_hash(app: Flask) -> None:
    token = start(make_user())
    assert token not in db.session.scalars(db.select(UserSession.digest)).one()
    assert len(token) > 40


@pytest.mark.parametrize("token", ["", "nonsense", "\0", "é"])
def test_any_other_token_is_no_session(app: Flask, token: str) -> None:
    start(make_user())
    assert sessions.find(token) is None


def test_a_deactivated_user_has_no_session_even_if_the_row_is_left(app: Flask) -> None:
    user = make_user()
    token = start(user)
    db.session.execute(db.update(User).values(deactivated_at=utcnow()))
    db.session.commit()
    assert sessions.find(token) is None


def test_a_user_agent_is_cut_and_has_no_control_characters(app: Flask) -> None:
    start(make_user(), "Agent\0\r\n\x1b" + "x" * 1_000)
    assert db.session.scalars(db.select(UserSession.user_agent)).one() == "Agent" + "x" * 295


def test_only_the_lasting_sessions_of_that_person_are_listed_the_last_used_one_first(app: Flask) -> None:
    user, other = make_user(), make_user("other@example.com")
    start(user, "ended")
    start(other, "of another person")
    with time_machine.travel(utcnow() + 13 * HOUR):
        first = start(user, "first")
        start(user, "second")
        assert [each.user_agent for each in sessions.of(user)] == ["second", "first"]
        with time_machine.travel(utcnow() + HOUR):
            use(first)
            db.session.rollback()
            assert [each.user_agent for each in sessions.of(user)] == ["first", "second"]


def test_all_sessions_of_that_person_end_but_the_present_one(app: Flask) -> None:
    user, other = make_user(), make_user("other@example.com")
    kept, ended, of_another = start(user), start(user), start(other)
    with writing():
        assert sessions.end_all(user, but=kept) == 1
    assert (use(kept), use(ended), use(of_another)) == (True, False, True)
    with writing():
        assert sessions.end_all(user) == 1
    assert (use(kept), use(of_another)) == (False, True)


def test_sessions_that_ended_by_time_are_found_for_deletion(app: Flask) -> None:
    user = make_user()
    old, now = start(user), utcnow()
    with time_machine.travel(now + 13 * HOUR):
        start(user)
        db.session.execute(db.delete(UserSession).where(sessions.have_ended()))
        db.session.commit()
        assert sessions.find(old) is None
        assert session_count(user) == 1
