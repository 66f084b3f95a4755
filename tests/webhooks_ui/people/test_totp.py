"""Authenticator apps (RFC 6238)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
import time_machine
from flask import Flask
from markupsafe import Markup

from tests.support.factories import make_user
from tests.support.people import code_of, with_app
from webhooks_ui.database import db
from webhooks_ui.models import secret_box, utcnow
from webhooks_ui.people import totp

NOW = datetime(2026, 11, 26, 10, 0, 10, tzinfo=UTC)


def test_the_codes_are_those_of_the_rfc(app: Flask) -> None:
    """Appendix B has 8 digits: the last 6 of them are the code of 6 digits."""
    user = make_user()
    user.totp_secret_encrypted = secret_box.encrypt("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    with time_machine.travel(datetime.fromtimestamp(1_111_111_109, UTC), tick=False):
        assert totp.accept(user, "081804")


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_clock_may_be_half_a_minute_early_or_late(app: Flask, seconds: int) -> None:
    user = with_app(make_user())
    assert totp.accept(user, code_of(user, utcnow() + timedelta(seconds=seconds)))


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("seconds", [-90, -60, 60, 90])
def test_older_and_later_codes_are_wrong(app: Flask, seconds: int) -> None:
    user = with_app(make_user())
    assert not totp.accept(user, code_of(user, utcnow() + timedelta(seconds=seconds)))


@time_machine.travel(NOW, tick=False)
def test_a_code_works_once_and_so_does_every_older_one(app: Flask) -> None:
    user = with_app(make_user())
    assert totp.accept(user, code_of(user))
    assert not totp.accept(user, code_of(user))
    assert not totp.accept(user, code_of(user, utcnow() - timedelta(seconds=30)))
    assert totp.accept(user, code_of(user, utcnow() + timedelta(seconds=30)))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "٣٣٣٣٣٣", "\0" * 6])
def test_anything_else_is_wrong(app: Flask, code: str) -> None:
    assert not totp.accept(with_app(make_user()), code)


def test_the_secret_is_encrypted_in_the_database(app: Flask) -> None:
    user = with_app(make_user())
    stored = db.session.execute(db.text("SELECT totp_secret_encrypted FROM users")).scalar_one()
    assert totp.secret_of(user) not in stored
    assert secret_box.decrypt(stored) == totp.secret_of(user)


def test_without_its_key_no_code_is_right_and_nothing_breaks(app: Flask) -> None:
    user = with_app(make_user())
    code = code_of(user)
    app.config["ENCRYPTION_KEYS"] = ["k" * 43 + "="]
    assert not totp.accept(user, code)


def test_the_qr_code_is_an_svg_that_the_policy_of_the_pages_allows(app: Flask) -> None:
    code = totp.qr_code(with_app(make_user()))
    assert isinstance(code, Markup)
    assert code.startswith("<svg")
    assert "style=" not in code


def test_the_qr_code_names_the_product_and_the_person(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(uri: str, **_: object) -> _Nothing:
        made.append(uri)
        return _Nothing()

    monkeypatch.setattr("segno.make", make)
    user = with_app(make_user())
    totp.qr_code(user)
    assert unquote(made[0]) == (
        f"otpauth://totp/KeyManager:admin@example.com?secret={totp.secret_of(user)}&issuer=KeyManager"
    )


class _Nothing:
    def svg_inline(self, **_: object) -> str:
        return ""
