"""``flask api-keys`` creates, lists and revokes keys, and names mistakes."""

from collections.abc import Sequence

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.factories import make_api_key
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.models import ApiKey, AuditEntry

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Platform", "--environment", "moon"), "development"),
        (("Platform",), "--environment"),
        (("", "--environment", "staging"), "1 to 100"),
        (("n" * 101, "--environment", "staging"), "1 to 100"),
        (("two\nlines", "--environment", "staging"), "1 to 100"),
        (("Platform", "--environment", "staging", "--rate-per-minute", "0"), "1<=x"),
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
def test_revoking_an_unknown_key_is_an_error(run: Run, number: str) -> None:
    result = run("api-keys", "revoke", number)
    assert result.exit_code != 0
    assert "Error: " in result.output


def test_the_list_shows_the_name_and_the_beginning_of_each_key(run: Run) -> None:
    key, text = make_api_key(name="Platform")
    output = run("api-keys", "list").output
    assert "Platform" in output
    assert f"{key.prefix}…" in output
    assert text not in output
