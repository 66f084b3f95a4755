"""Codes and recovery codes, and how many may be wrong."""

import threading
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from tests.support.factories import make_user
from tests.support.people import actions, again, code_of, make_codes, with_app
from webhooks_ui.database import db, writing
from webhooks_ui.models import RecoveryCode, User, set_settings, utcnow
from webhooks_ui.people import accounts, recovery_codes, second_factor, totp
from webhooks_ui.people.second_factor import PAUSE, WRONG_CODES_MAX, Factor


def accept(user: User, code: str) -> Factor | None:
    with writing():
        locked = accounts.lock(user.id)
        assert locked
        return second_factor.accept(locked, code)


def test_a_code_of_the_app_may_have_spaces(app: Flask) -> None:
    user = with_app(make_user())
    code = code_of(user)
    assert accept(user, f" {code[:3]} {code[3:]} ") == Factor.AUTHENTICATOR


def test_a_recovery_code_works_once_in_any_case_and_with_or_without_dashes(app: Flask) -> None:
    user = with_app(make_user())
    first, second, *rest = make_codes(user)
    assert accept(user, first.upper().replace("-", " ")) == Factor.RECOVERY_CODE
    assert accept(user, first) is None
    assert accept(user, second) == Factor.RECOVERY_CODE
    assert recovery_codes.count_left(again(user)) == len(rest) == 8
    assert actions()[-1] == "user.recovery_code_used"


def test_recovery_codes_are_long_different_and_stored_as_hashes(app: Flask) -> None:
    codes = make_codes(make_user())
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    stored = " ".join(db.session.scalars(db.select(RecoveryCode.digest)))
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_new_recovery_codes_end_the_old_ones(app: Flask) -> None:
    user = make_user()
    old = make_codes(user)
    new = make_codes(user)
    assert accept(user, old[0]) is None
    assert accept(user, new[0]) == Factor.RECOVERY_CODE


def test_nobody_uses_the_codes_of_another(app: Flask) -> None:
    codes = make_codes(make_user())
    assert accept(make_user("eva@example.com"), codes[0]) is None


def test_after_ten_wrong_codes_the_right_one_is_refused_for_15_minutes(app: Flask) -> None:
    user = with_app(make_user())
    codes = make_codes(user)
    for _ in range(WRONG_CODES_MAX):
        assert accept(user, "000000") is None
    assert second_factor.is_paused(again(user))
    assert accept(user, code_of(user)) is None
    assert accept(user, codes[0]) is None
    with time_machine.travel(utcnow() + PAUSE + timedelta(seconds=1)):
        assert accept(user, code_of(user)) == Factor.AUTHENTICATOR
        assert again(user).wrong_codes == 0


def test_wrong_codes_of_a_clock_that_was_years_ahead_pause_for_15_minutes_at_most(app: Flask) -> None:
    user = with_app(make_user())
    with time_machine.travel(utcnow() + timedelta(days=3_652)):
        for _ in range(WRONG_CODES_MAX):
            accept(user, "000000")
    assert not second_factor.is_paused(again(user))
    assert accept(user, code_of(user)) == Factor.AUTHENTICATOR


def test_a_right_code_forgets_the_wrong_ones(app: Flask) -> None:
    user = with_app(make_user())
    for _ in range(WRONG_CODES_MAX - 1):
        accept(user, "000000")
    assert accept(user, code_of(user)) == Factor.AUTHENTICATOR
    assert again(user).wrong_codes == 0


def test_setting_up_another_app_forgets_no_wrong_codes(app: Flask) -> None:
    user = make_user()
    for _ in range(WRONG_CODES_MAX - 1):
        second_factor.note_wrong(user)
    totp.set_up(user)
    assert second_factor.enable_authenticator(user, code_of(user))
    assert user.wrong_codes == WRONG_CODES_MAX - 1


def test_forty_parallel_tries_get_no_more_than_ten_guesses(app: Flask) -> None:
    user = with_app(make_user())
    user_id = user.id
    guessed: list[str] = []
    genuine = totp.accept

    def counting(user: User, code: str) -> bool:
        guessed.append(code)
        return genuine(user, code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totp, "accept", counting)

        def guess() -> None:
            with app.app_context(), writing():
                locked = accounts.lock(user_id)
                assert locked
                second_factor.accept(locked, "000000")

        db.session.rollback()
        threads = [threading.Thread(target=guess) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(guessed) == WRONG_CODES_MAX
    assert again(user).wrong_codes == WRONG_CODES_MAX


def test_a_second_factor_that_the_role_requires_can_not_be_removed(app: Flask) -> None:
    user = with_app(make_user())
    set_settings({"second_factor_roles": ["admin"]})
    db.session.commit()
    with writing():
        locked = accounts.lock(user.id)
        assert locked
        with pytest.raises(accounts.Refused, match="Your role requires a second factor"):
            second_factor.remove_authenticator(locked)
    assert again(user).has_totp


def test_removing_the_last_second_factor_removes_the_recovery_codes(app: Flask) -> None:
    user = with_app(make_user())
    make_codes(user)
    with writing():
        locked = accounts.lock(user.id)
        assert locked
        second_factor.remove_authenticator(locked)
    assert not again(user).has_second_factor
    assert recovery_codes.count_left(user) == 0
