"""``flask deliveries`` retries, purges and exports deliveries, and names mistakes."""

import csv
import io
import json
from datetime import timedelta

import pytest

from tests.support.factories import make_delivery, make_webhook
from tests.webhooks_ui.cli.conftest import Run
from webhooks_ui.database import db
from webhooks_ui.deliveries import export as delivery_export
from webhooks_ui.models import AuditEntry, Delivery, utcnow


def status(id: int) -> str | None:
    """Return the status of a delivery, or ``None`` if it doesn't exist."""
    db.session.rollback()
    found: str | None = db.session.scalar(db.select(Delivery.status).filter_by(id=id))
    return found


def test_retry_makes_deliveries_due(run: Run) -> None:
    webhook = make_webhook()
    ids = [make_delivery(webhook, status="failed", attempts_count=5).id for _ in range(2)]
    result = run("deliveries", "retry", *map(str, ids))
    assert (result.exit_code, result.output) == (0, "Queued for one more attempt: 2 of 2.\n")
    assert [status(id) for id in ids] == ["pending", "pending"]
    assert db.session.scalars(db.select(AuditEntry.object_id)).all() == ids


def test_retry_says_what_it_could_not_retry(run: Run) -> None:
    id = make_delivery(lease_token="x", due_at=utcnow() + timedelta(seconds=7)).id
    result = run("deliveries", "retry", str(id), "999")
    assert (result.exit_code, result.stdout) == (1, "Queued for one more attempt: 0 of 2.\n")
    why = "an attempt is in progress, or its webhook was deleted or moved to another environment"
    assert f"{id} was not retried: {why}" in result.stderr
    assert "999 was not retried: there is no such delivery" in result.stderr


@pytest.mark.parametrize("ids", [(), ("x",), ("0",), ("9" * 30,)])
def test_retry_names_a_wrong_id(run: Run, ids: tuple[str, ...]) -> None:
    result = run("deliveries", "retry", *ids)
    assert result.exit_code == 2
    assert "ID" in result.output


def test_purge_deletes_what_a_dry_run_announces(run: Run) -> None:
    old = make_delivery(status="delivered", created_at=utcnow() - timedelta(days=8))
    old.event.created_at = utcnow() - timedelta(days=8)
    id = old.id
    db.session.commit()
    assert run("deliveries", "purge").output == "Deleted 0 deliveries and 0 events older than 30 days.\n"
    result = run("deliveries", "purge", "--older-than", "7", "--dry-run")
    assert result.output == "Would delete 1 delivery and 1 event older than 7 days.\n"
    assert status(id)
    assert run("deliveries", "purge", "--older-than", "7").output.startswith("Deleted 1 delivery")
    assert status(id) is None


def test_the_export_has_all_rows_in_batches_newest_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_export, "BATCH_ROWS", 2)
    webhook = make_webhook(name='=HYPERLINK("x") "quoted", ünï')
    ids = [make_delivery(webhook).id for _ in range(5)]
    rows = list(
        csv.DictReader(io.StringIO(run("deliveries", "export", "--format", "csv").output.removeprefix("\ufeff")))
    )
    assert [int(row["id"]) for row in rows] == ids[::-1]
    assert {row["webhook"] for row in rows} == {"'" + webhook.name}
    found = json.loads(run("deliveries", "export", "--format", "json").output)
    assert [row["id"] for row in found] == ids[::-1]
    assert {row["webhook"] for row in found} == {webhook.name}
    assert set(found[0]) == set(delivery_export.COLUMNS)


def test_the_export_takes_the_filters(run: Run) -> None:
    webhook = make_webhook()
    failed = make_delivery(webhook, status="failed").id
    make_delivery(webhook, status="delivered")
    arguments = ("--status", "failed", "--webhook", str(webhook.id), "--since", "1h", "--category", "license")
    found = json.loads(run("deliveries", "export", "--format", "json", *arguments).output)
    assert [row["id"] for row in found] == [failed]
    assert json.loads(run("deliveries", "export", "--format", "json", "--environment", "staging").output) == []


def test_the_export_takes_a_search_and_a_code(run: Run) -> None:
    webhook = make_webhook(name="Billing")
    found = make_delivery(webhook, status="failed", response_code=503).id
    make_delivery(webhook, status="failed", response_code=404)
    make_delivery(status="failed", response_code=503)
    result = run("deliveries", "export", "--format", "json", "--code", "5xx", "-q", "billing")
    assert [row["id"] for row in json.loads(result.output)] == [found]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--format"),
        (("--format", "xml"), "csv"),
        (("--format", "csv", "--status", "gone"), "retrying"),
        (("--format", "csv", "--since", "yesterday"), "is not a time"),
        (("--format", "csv", "--code", "9xx"), "is not a response code"),
        (("--format", "csv", "--search", "x" * 201), "up to 200 characters"),
        (("--format", "csv", "--search", "\0"), "up to 200 characters"),
        (("--format", "csv", "--search", "\udcff"), "is not in UTF-8"),
    ],
)
def test_a_wrong_option_is_named(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("deliveries", "export", *arguments)
    assert result.exit_code == 2
    assert message in result.output
