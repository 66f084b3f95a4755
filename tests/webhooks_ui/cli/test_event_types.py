"""``flask event-types`` lists the catalogue, and adds types to it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tests.support.factories import make_webhook
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Event, OwnEventType, Subscription


def added(run: Run, folder: Path, *more: str, name: str = "invoice.paid", example: str = '{"number": "A-1"}') -> str:
    """Run ``flask event-types add``. Return what it printed."""
    (folder / "example.json").write_text(example)
    arguments = ("--description", "An invoice was paid.", "--example", str(folder / "example.json"), *more)
    return run("event-types", "add", name, *arguments).output


def test_an_added_type_can_be_published_and_is_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"required": ["number"]}')
    more = ("--schema", str(tmp_path / "schema.json"), "--check", "refuse")
    assert added(run, tmp_path, *more) == "invoice.paid was added.\n"
    listed = run("event-types", "list").output
    assert "invoice.paid" in listed
    assert all(name in listed for name in [*EVENT_TYPES, "webhook.failing"])
    publish = ("events", "publish", "invoice.paid", "--environment", "staging", "--data", "-")
    assert "number' is a required property" in run(*publish, input="{}").output
    assert run(*publish, input='{"number": "A-2"}').exit_code == 0
    db.session.rollback()
    assert db.session.scalars(db.select(Event.type)).all() == ["invoice.paid"]


@pytest.mark.parametrize(
    ("name", "example", "sentence"),
    [
        ("license.activated", "{}", "is an event type of the portal"),
        ("webhook.x", "{}", "for operational events"),
        ("Paid", "{}", "Write the name like invoice.paid"),
        ("invoice.paid", "[]", "The example is a JSON object."),
        ("invoice.paid", "{", "The example is not JSON"),
    ],
)
def test_a_mistake_is_named(run: Run, tmp_path: Path, name: str, example: str, sentence: str) -> None:
    assert sentence in added(run, tmp_path, name=name, example=example)
    assert db.session.scalars(db.select(OwnEventType)).all() == []


def test_a_byte_order_mark_before_a_file_is_ignored(run: Run, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"required": ["number"]}', "utf-8-sig")
    (tmp_path / "marked.json").write_text('{"number": "A-1"}', "utf-8-sig")
    files = ("--example", str(tmp_path / "marked.json"), "--schema", str(tmp_path / "schema.json"), "--check", "refuse")
    assert added(run, tmp_path, *files) == "invoice.paid was added.\n"
    publish = ("events", "publish", "invoice.paid", "--environment", "staging", "--data", "-")
    assert "number' is a required property" in run(*publish, input="{}").output
    assert run(*publish, input='{"number": "A-2"}').exit_code == 0


def test_bytes_that_are_no_text_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"\xff")
    result = run("event-types", "add", "a.b", "--description", "x", "--example", str(tmp_path / "bad"))
    assert result.exit_code == 1
    assert "is not UTF-8" in result.output


def test_a_type_is_added_once(run: Run, tmp_path: Path) -> None:
    added(run, tmp_path)
    assert "There is a type invoice.paid already" in added(run, tmp_path)


def test_deleting_ends_subscriptions(run: Run, tmp_path: Path) -> None:
    added(run, tmp_path)
    make_webhook(event_types=["invoice.paid", "license.created"])
    assert run("event-types", "delete", "invoice.paid").output == "invoice.paid was deleted. 1 subscription ended.\n"
    db.session.rollback()
    assert db.session.scalars(db.select(Subscription.event_type)).all() == ["license.created"]
    for name, message in (("invoice.paid", "There is no event type"), ("license.created", "is built in")):
        result = run("event-types", "delete", name)
        assert (result.exit_code, message in result.output) == (1, True)


def test_a_type_that_somebody_else_deletes_meanwhile_is_not_there(run: Run, tmp_path: Path) -> None:
    added(run, tmp_path)
    path = db.engine.url.database
    assert path

    def be_first(_connection: Connection, options: dict[str, Any]) -> None:
        if options.get("writes"):  # the transaction of the command is about to begin
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("DELETE FROM event_types")

    event.listen(db.engine, "set_connection_execution_options", be_first)
    result = run("event-types", "delete", "invoice.paid")
    assert (result.exit_code, result.output) == (1, "Error: There is no event type 'invoice.paid' of your own.\n")
