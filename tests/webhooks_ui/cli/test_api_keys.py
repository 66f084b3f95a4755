"""``flask api-keys`` creates, lists, rolls and revokes keys, and names mistakes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, AuditEntry, Scope
from webhooks_ui.models.scope import MEANINGS

EVENT = {"type": "license.activated", "data": {}}


def keys() -> Sequence[ApiKey]:
    db.session.rollback()
    return db.session.scalars(db.select(ApiKey)).all()


def publish(app: Flask, key: str) -> TestResponse:
    return app.test_client().post("/api/v1/events", json=EVENT, headers={"Authorization": f"Bearer {key}"})


def test_a_created_key_is_printed_once_and_works(run: Run, app: Flask) -> None:
    result = run("api-keys", "create", "Platform", "--environment", "staging", "--rate-per-minute", "7")
    text = result.stdout.strip()
    assert text.startswith("km_")
    assert publish(app, text).status_code == 202
    (key,) = keys()
    assert (key.name, key.environment, key.rate_per_minute) == ("Platform", "staging", 7)
    assert text not in run("api-keys", "list").output
    (entry,) = db.session.scalars(db.select(AuditEntry)).all()
    assert (entry.action, entry.object_id) == ("api_key.created", key.id)
    assert text not in str(entry.after)


def test_without_a_scope_a_key_may_do_everything_and_the_command_says_so(run: Run) -> None:
    result = run("api-keys", "create", "Platform", "--environment", "staging")
    assert keys()[0].scopes == list(Scope)
    for scope, meaning in MEANINGS.items():
        assert f"{scope}: {meaning}" in result.stderr


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        (["webhooks:read"], ["webhooks:read"]),
        (["deliveries:read", "events:write", "events:write"], ["events:write", "deliveries:read"]),
        (["publisher"], ["events:write"]),
        (["read-only", "secrets:read"], ["webhooks:read", "secrets:read", "deliveries:read"]),
    ],
)
def test_a_key_gets_the_scopes_that_are_named(run: Run, scopes: list[str], may: list[str]) -> None:
    options = [option for scope in scopes for option in ("--scope", scope)]
    result = run("api-keys", "create", "Platform", "--environment", "staging", *options)
    assert keys()[0].scopes == may
    assert result.stderr.count("  ") == len(may)


@pytest.mark.parametrize(
    ("when", "end"),
    [
        ("2090-01-31", datetime(2090, 1, 31, 23, 59, 59, 999_999, UTC)),
        ("2090-01-31T12:00:00+02:00", datetime(2090, 1, 31, 10, tzinfo=UTC)),
        ("90d", datetime(2026, 11, 23, 10, tzinfo=UTC) + timedelta(days=90)),
        ("9999-12-31", datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
    ],
)
def test_a_key_gets_an_end(run: Run, when: str, end: datetime) -> None:
    with time_machine.travel("2026-11-23T10:00:00Z", tick=False):
        assert run("api-keys", "create", "Platform", "--environment", "staging", "--expires", when).exit_code == 0
    assert keys()[0].expires_at == end
    assert f"{end:%Y-%m-%d %H:%M}" in run("api-keys", "list").output


def test_a_rolled_key_has_a_new_text_and_the_old_one_works_for_the_overlap(run: Run, app: Flask) -> None:
    key, old = make_api_key()
    result = run("api-keys", "roll", str(key.id), "--overlap-hours", "1")
    new = result.stdout.strip()
    assert f"The old text {old[:11]}… works until" in result.stderr
    assert [publish(app, text).status_code for text in (old, new)] == [202, 202]
    assert run("api-keys", "end-older", str(key.id)).exit_code == 0
    assert [publish(app, text).status_code for text in (old, new)] == [401, 202]
    assert "has no old text" in run("api-keys", "end-older", str(key.id)).output


def test_rolling_again_does_not_end_an_old_text_that_still_works(run: Run, app: Flask) -> None:
    key, old = make_api_key()
    new = run("api-keys", "roll", str(key.id)).stdout.strip()
    result = run("api-keys", "roll", str(key.id))
    assert (result.exit_code, f"The old text {old[:11]}… works until" in result.output) == (1, True)
    assert [publish(app, text).status_code for text in (old, new)] == [202, 202]
    assert run("api-keys", "roll", str(key.id), "--overlap-hours", "0").exit_code == 0
    assert [publish(app, text).status_code for text in (old, new)] == [401, 401]


def test_rolling_can_end_the_old_text_at_once(run: Run, app: Flask) -> None:
    key, old = make_api_key()
    result = run("api-keys", "roll", str(key.id), "--overlap-hours", "0")
    assert "The old text no longer works." in result.stderr
    assert publish(app, old).status_code == 401


def test_a_revoked_key_is_not_rolled(run: Run) -> None:
    key, _ = make_api_key()
    run("api-keys", "revoke", str(key.id))
    result = run("api-keys", "roll", str(key.id))
    assert result.exit_code == 1
    assert "was revoked" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Platform", "--environment", "moon"), "development"),
        (("Platform",), "--environment"),
        (("", "--environment", "staging"), "1 to 100"),
        (("n" * 101, "--environment", "staging"), "1 to 100"),
        (("two\nlines", "--environment", "staging"), "1 to 100"),
        (("\u3164", "--environment", "staging"), "1 to 100"),
        (("Platform", "--environment", "staging", "--rate-per-minute", "0"), "1<=x"),
        (("Platform", "--environment", "staging", "--scope", "root"), "events:write"),
        (("Platform", "--environment", "staging", "--expires", "24h"), "It must be in the future."),
        (("Platform", "--environment", "staging", "--expires", "soon"), "2027-01-31"),
        (("Platform", "--environment", "staging", "--expires", "99999999d"), "too far away. Use at most 99999d."),
        (("Platform", "--environment", "staging", "--expires", "9" * 5_000 + "d"), "too far away. Use at most 99999d."),
        (("Platform", "--environment", "staging", "--expires", "2020-01-01"), "It must be in the future."),
        (("Platform", "--environment", "staging", "--expires", "0d"), "It must be in the future."),
    ],
)
def test_a_mistake_is_named_and_creates_no_key(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("api-keys", "create", *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert keys() == []


def test_a_revoked_key_is_refused(run: Run, app: Flask) -> None:
    key, text = make_api_key()
    result = run("api-keys", "revoke", str(key.id))
    assert result.exit_code == 0
    assert publish(app, text).status_code == 401
    assert "already" in run("api-keys", "revoke", str(key.id)).output


@pytest.mark.parametrize("number", ["999", "0", "9" * 30, "km_abc"])
def test_an_unknown_key_is_an_error(run: Run, number: str) -> None:
    for action in ("revoke", "roll", "end-older"):
        result = run("api-keys", action, number)
        assert result.exit_code != 0
        assert "Error: " in result.output


def test_the_list_shows_the_name_and_the_beginning_of_each_key(run: Run) -> None:
    key, text = make_api_key(name="Platform")
    output = run("api-keys", "list").output
    assert "Platform" in output
    assert f"{key.prefix}…" in output
    assert text not in output
