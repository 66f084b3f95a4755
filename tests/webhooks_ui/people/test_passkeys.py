"""Passkeys: where there can be some, and which answers of a browser show one."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from jobs.chores.reclaim import reclaim
from tests.support.factories import make_user
from tests.support.passkeys import SoftwarePasskey
from tests.support.people import again, last_entry
from webhooks_ui.database import db, writing
from webhooks_ui.models import OneTimeToken, Passkey, User, utcnow
from webhooks_ui.people import passkeys
from webhooks_ui.people.passkeys import CHALLENGE_FOR, Invalid, Site

SITE = Site("localhost", "http://localhost:8000")


def add(user: User, passkey: SoftwarePasskey, name: str = "Phone", *, alone: bool = False) -> Passkey:
    with writing():
        user = db.session.get_one(User, user.id)
        options, challenge = passkeys.options_to_create(SITE, user, alone=alone)
        return passkeys.add(SITE, user, passkey.create(options), challenge, name, alone=alone)


def use(passkey: SoftwarePasskey, user: User | None = None, *, challenge: str | None = None) -> User:
    """Sign in with ``passkey``, alone or after the password of ``user``."""
    with writing():
        options, asked = passkeys.options_to_use(SITE, user)
        return passkeys.use(SITE, passkey.get(options), asked if challenge is None else challenge, user)


@pytest.mark.parametrize(
    ("public_url", "site"),
    [
        ("https://portal.example.com", Site("portal.example.com", "https://portal.example.com")),
        ("https://portal.example.com:8443/", Site("portal.example.com", "https://portal.example.com:8443")),
        ("http://127.0.0.1:8000", Site("localhost", "http://localhost:8000")),
        ("http://[::1]:8000", Site("localhost", "http://localhost:8000")),
        ("http://localhost:8000", Site("localhost", "http://localhost:8000")),
        ("http://portal.example.com", None),
        ("https://192.0.2.1", None),
        ("http://192.168.1.2:8000", None),
    ],
)
def test_browsers_allow_passkeys_only_under_a_name_with_https_or_on_this_machine(
    public_url: str, site: Site | None
) -> None:
    assert passkeys.site(public_url) == site


def test_a_passkey_is_added_and_signs_in_alone(app: Flask) -> None:
    user, phone = make_user(), SoftwarePasskey()
    added = add(user, phone, "Eva's phone", alone=True)
    assert (added.name, added.verifies, added.transports, added.last_used_at) == (
        "Eva's phone",
        True,
        ["internal"],
        None,
    )
    assert last_entry("user.passkey_added").after == {"passkey": "Eva's phone"}
    assert use(phone).id == user.id
    (stored,) = again(user).passkeys
    assert (stored.sign_count, stored.last_used_at is not None) == (1, True)


def test_a_passkey_that_verifies_nobody_works_only_after_the_password(app: Flask) -> None:
    user, key = make_user(), SoftwarePasskey(verifies=False)
    assert not add(user, key).verifies
    assert use(key, user).id == user.id
    with pytest.raises(Invalid, match="verif"):
        use(key)


def test_a_passkey_that_verifies_nobody_can_not_be_the_only_factor(app: Flask) -> None:
    with pytest.raises(Invalid, match="verif"):
        add(make_user(), SoftwarePasskey(verifies=False), alone=True)


def test_the_passkey_of_another_is_not_taken_after_a_password(app: Flask) -> None:
    eva, phone = make_user("eva@example.com"), SoftwarePasskey()
    add(eva, phone)
    with pytest.raises(Invalid, match="unknown"):
        use(phone, make_user())


def test_an_unknown_passkey_is_refused(app: Flask) -> None:
    with pytest.raises(Invalid, match="unknown"):
        use(SoftwarePasskey())


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "https://evil.example"}, {"origin": "http://localhost:8001"}, {"site": "evil.example"}],
)
def test_what_was_signed_for_another_site_is_refused(app: Flask, wrong: dict[str, str]) -> None:
    user, phone = make_user(), SoftwarePasskey()
    with pytest.raises(Invalid):
        add(user, SoftwarePasskey(**wrong))  # type: ignore[arg-type]
    add(user, phone)
    for name, value in wrong.items():
        setattr(phone, name, value)
    with pytest.raises(Invalid):
        use(phone)


def test_an_answer_to_another_challenge_is_refused(app: Flask) -> None:
    user, phone = make_user(), SoftwarePasskey()
    add(user, phone)
    with pytest.raises(Invalid, match="challenge"):
        use(phone, challenge="YW5vdGhlciBvbmU")


def answered() -> tuple[str, str]:
    """Let a phone answer a challenge. Return the answer and the challenge."""
    phone = SoftwarePasskey(counts=False)
    add(make_user(), phone)
    options, challenge = passkeys.options_to_use(SITE, None)
    answer = phone.get(options)
    with writing():
        passkeys.use(SITE, answer, challenge, None)
    return answer, challenge


def test_the_same_answer_a_second_time_is_refused(app: Flask) -> None:
    """The challenge stands in the browser's cookie. Who copied both must not get in by them."""
    answer, challenge = answered()
    with pytest.raises(Invalid, match="answered before"), writing():
        passkeys.use(SITE, answer, challenge, None)
    assert challenge not in "".join(db.session.scalars(db.select(OneTimeToken.digest)))


def test_an_answer_is_known_for_as_long_as_a_clock_that_is_ahead_lets_its_cookie_last(app: Flask) -> None:
    answer, challenge = answered()
    with time_machine.travel(utcnow() + 2 * CHALLENGE_FOR - timedelta(seconds=9)):
        reclaim()
        with pytest.raises(Invalid, match="answered before"), writing():
            passkeys.use(SITE, answer, challenge, None)


def test_a_counter_that_went_back_shows_a_copied_key(app: Flask) -> None:
    user, phone = make_user(), SoftwarePasskey(count=7)
    add(user, phone)
    use(phone)
    phone.count = 3
    with pytest.raises(Invalid, match="sign count"):
        use(phone)


def test_a_key_that_did_not_sign_is_refused(app: Flask) -> None:
    user, phone = make_user(), SoftwarePasskey()
    add(user, phone)
    with pytest.raises(Invalid):
        use(SoftwarePasskey(id=phone.id))


def test_a_passkey_is_added_once_and_to_one_person(app: Flask) -> None:
    user, phone = make_user(), SoftwarePasskey()
    add(user, phone)
    for other in (user, make_user("eva@example.com")):
        with pytest.raises(Invalid, match="exists already"):
            add(other, phone)


def test_nobody_has_more_than_twenty(app: Flask) -> None:
    user = make_user()
    for _ in range(passkeys.PASSKEYS_MAX):
        add(user, SoftwarePasskey())
    with pytest.raises(Invalid, match="too many"):
        add(user, SoftwarePasskey())


def test_the_handle_of_a_person_stays_and_says_nothing(app: Flask) -> None:
    user = make_user()
    handles = set()
    for _ in range(2):
        with writing():
            options, _ = passkeys.options_to_create(SITE, db.session.get_one(User, user.id))
            handles.add(json.loads(options)["user"]["id"])
    assert len(handles) == 1
    assert len(handles.pop()) > 40


def test_the_browser_is_told_which_passkeys_there_are(app: Flask) -> None:
    user = make_user()
    added = add(user, SoftwarePasskey())
    credential_id = added.credential_id
    options, _ = passkeys.options_to_create(SITE, again(user))
    assert [known["id"] for known in json.loads(options)["excludeCredentials"]] == [credential_id]
    options, _ = passkeys.options_to_use(SITE, user)
    assert [known["id"] for known in json.loads(options)["allowCredentials"]] == [credential_id]


def test_before_a_password_nobody_learns_who_has_a_passkey(app: Flask) -> None:
    add(make_user(), SoftwarePasskey())
    assert not json.loads(passkeys.options_to_use(SITE, None)[0]).get("allowCredentials")


@pytest.mark.parametrize(
    "damage",
    [
        lambda answer: "",
        lambda answer: "[]",
        lambda answer: "{}",
        lambda answer: '{"id": 1}',
        lambda answer: "[" * 100_000,
        lambda answer: answer.replace('"public-key"', '"private-key"'),
        lambda answer: answer.replace('"response": {', '"response": [{').replace("}, ", "}], ", 1),
        lambda answer: answer.replace('"signature": "', '"signature": "é'),
        lambda answer: answer.replace('"authenticatorData": "', '"authenticatorData": "AAAA'),
        lambda answer: json.dumps({"id": "A" * 2_000}),
    ],
)
def test_any_damaged_answer_is_refused(app: Flask, damage: Callable[[str], str]) -> None:
    user, phone = make_user(), SoftwarePasskey()
    add(user, phone)
    options, challenge = passkeys.options_to_use(SITE, None)
    with pytest.raises(Invalid), writing():
        passkeys.use(SITE, damage(phone.get(options)), challenge, None)


def test_any_damaged_new_passkey_is_refused(app: Flask) -> None:
    user = make_user()
    options, challenge = passkeys.options_to_create(SITE, user)
    answer = SoftwarePasskey().create(options)
    for damaged in (
        "",
        "[]",
        "null",
        answer.replace("attestationObject", "attest"),
        answer.replace("o2NmbXR", "o2NmbXQ"),
    ):
        with pytest.raises(Invalid):
            passkeys.add(SITE, user, damaged, challenge, "Phone")
    passkeys.add(SITE, user, answer, challenge, "Phone")
