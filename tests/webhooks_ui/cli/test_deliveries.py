import csv
import io
import json
from datetime import timedelta

import pytest

from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries import export as delivery_export
from webhooks_ui.models import AuditEntry, Delivery, utcnow


def delivery(id):
    db.session.rollback()
    return db.session.get(Delivery, id)


def test_retry_makes_deliveries_due(run):
    webhook = make_webhook()
    ids = [make_delivery(webhook, status="failed", attempts_count=5).id for _ in range(2)]
    result = run("deliveries", "retry", *map(str, ids))
    assert (result.exit_code, result.output) == (0, "Queued for one more attempt: 2 of 2.\n")
    assert [delivery(id).status for id in ids] == ["pending", "pending"]
    assert db.session.scalars(db.select(AuditEntry.object_id)).all() == ids


def test_retry_says_what_it_could_not_retry(run):
    id = make_delivery(lease_token="x", due_at=utcnow() + timedelta(seconds=7)).id
    result = run("deliveries", "retry", str(id), "999")
    assert (result.exit_code, result.stdout) == (1, "Queued for one more attempt: 0 of 2.\n")
    assert f"{id} was not retried: an attempt is under way" in result.stderr
    assert "999 was not retried: there is no such delivery" in result.stderr


@pytest.mark.parametrize("ids", [(), ("x",), ("0",), ("9" * 30,)])
def test_retry_names_a_wrong_id(run, ids):
    result = run("deliveries", "retry", *ids)
    assert result.exit_code == 2
    assert "ID" in result.output


def test_purge_deletes_what_a_dry_run_announces(run):
    old = make_delivery(status="delivered", created_at=utcnow() - timedelta(days=8))
    old.event.created_at = utcnow() - timedelta(days=8)
    db.session.commit()
    assert run("deliveries", "purge").output == "Deleted 0 deliveries and 0 events older than 30 days.\n"
    result = run("deliveries", "purge", "--older-than", "7", "--dry-run")
    assert result.output == "Would delete 1 deliveries and 1 events older than 7 days.\n"
    assert delivery(old.id)
    assert run("deliveries", "purge", "--older-than", "7").output.startswith("Deleted 1 deliveries")
    assert delivery(old.id) is None


def test_the_export_has_all_rows_in_batches_newest_first(run, monkeypatch):
    monkeypatch.setattr(delivery_export, "BATCH_ROWS", 2)
    webhook = make_webhook(name='=HYPERLINK("x") "quoted", ünï')
    ids = [make_delivery(webhook).id for _ in range(5)]
    rows = list(csv.DictReader(io.StringIO(run("deliveries", "export", "--format", "csv").output)))
    assert [int(row["id"]) for row in rows] == ids[::-1]
    assert {row["webhook"] for row in rows} == {"'" + webhook.name}
    found = json.loads(run("deliveries", "export", "--format", "json").output)
    assert [row["id"] for row in found] == ids[::-1]
    assert {row["webhook"] for row in found} == {webhook.name}
    assert set(found[0]) == set(delivery_export.COLUMNS)


def test_the_export_takes_the_filters(run):
    webhook = make_webhook()
    failed = make_delivery(webhook, status="failed").id
    make_delivery(webhook, status="delivered")
    arguments = ("--status", "failed", "--webhook", str(webhook.id), "--since", "1h", "--category", "license")
    found = json.loads(run("deliveries", "export", "--format", "json", *arguments).output)
    assert [row["id"] for row in found] == [failed]
    assert json.loads(run("deliveries", "export", "--format", "json", "--environment", "staging").output) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--format"),
        (("--format", "xml"), "csv"),
        (("--format", "csv", "--status", "gone"), "retrying"),
        (("--format", "csv", "--since", "yesterday"), "is no time"),
    ],
)
def test_a_wrong_option_is_named(run, arguments, message):
    result = run("deliveries", "export", *arguments)
    assert result.exit_code == 2
    assert message in result.output
