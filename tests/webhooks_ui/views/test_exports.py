"""Exports of the delivery log."""

import csv
import json
import re
from collections.abc import Callable
from io import StringIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook
from tests.support.log_rows import add_delivery, settle
from tests.support.people import last_entry
from webhooks_ui.database import db
from webhooks_ui.deliveries import export as delivery_export
from webhooks_ui.models import AuditEntry

SignIn = Callable[[str], FlaskClient]


LOG = "/admin/webhook-deliveries"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_export, "BATCH_ROWS", 2)


def rows_of(answer: TestResponse) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"), newline="")))


def test_csv_holds_what_the_filters_show(admin: FlaskClient) -> None:
    failed = [settle(add_delivery(), 503) for _ in range(5)]
    settle(add_delivery())
    answer = admin.get(f"{LOG}/export.csv?status=failed")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert 'filename="deliveries-utc.csv"' in answer.headers["Content-Disposition"]
    rows = rows_of(answer)
    assert [int(row["id"]) for row in rows] == [delivery.id for delivery in failed][::-1]
    assert (rows[0]["status"], rows[0]["response_code"], rows[0]["webhook"]) == ("failed", "503", "Orders")
    assert rows[0]["event_id"] == failed[-1].event.public_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", rows[0]["last_attempt_at"])  # as spreadsheets read it
    assert answer.get_data().startswith(b"\xef\xbb\xbf")  # so that they read it as UTF-8


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x","y")', "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM"]
)
def test_a_cell_is_never_a_formula(admin: FlaskClient, name: str) -> None:
    add_delivery(make_webhook(name=name))
    assert rows_of(admin.get(f"{LOG}/export.csv"))[0]["webhook"] == f"'{name}"


@pytest.mark.parametrize("name", ['comma, "quote"', "line\nbreak", "<b>Zoë</b> 🎉"])
def test_other_text_comes_through_as_it_is(admin: FlaskClient, name: str) -> None:
    add_delivery(make_webhook(name=name))
    assert rows_of(admin.get(f"{LOG}/export.csv"))[0]["webhook"] == name
    assert json.loads(admin.get(f"{LOG}/export.json").text)[0]["webhook"] == name


def test_json_is_one_array(admin: FlaskClient) -> None:
    ids = [add_delivery().id for _ in range(5)]
    rows = json.loads(admin.get(f"{LOG}/export.json").text)
    assert [row["id"] for row in rows] == ids[::-1]
    assert rows[0]["response_code"] is None
    assert json.loads(admin.get(f"{LOG}/export.json?status=failed").text) == []


def test_an_empty_export_has_its_head(admin: FlaskClient) -> None:
    assert admin.get(f"{LOG}/export.csv").text.strip() == "\ufeff" + ",".join(delivery_export.COLUMNS)


def test_an_export_stands_in_the_audit_log_with_its_filters(admin: FlaskClient) -> None:
    admin.get(f"{LOG}/export.json?status=failed&category=license")
    entry = last_entry("delivery.exported")
    assert entry.actor == "admin@example.com"
    assert entry.after == {"format": "json", "status": "failed", "category": "license"}


@pytest.mark.parametrize("format", ["csv", "json"])
def test_filters_that_are_not_understood_are_refused(admin: FlaskClient, format: str) -> None:
    add_delivery()
    answer = admin.get(f"{LOG}/export.{format}?code=50x&status=failed")
    assert answer.status_code == 422
    assert "Response code “50x”" in answer.text
    assert f'href="{LOG}?status=failed&amp;code=50x"' in answer.text
    assert db.session.scalars(db.select(AuditEntry).filter_by(action="delivery.exported")).all() == []


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(f"{LOG}/export.csv").status_code == 403
