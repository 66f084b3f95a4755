"""What is known about many webhooks is worked out again as soon as somebody changes something."""

from collections import Counter

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from tests.support.http import HTMX
from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.webhooks import changes, kept, kinds
from webhooks_ui.webhooks.filters import WebhookFilters
from webhooks_ui.webhooks.kinds import Kind, count_kinds
from webhooks_ui.webhooks.pages import find_page

__all__ = ["database_url"]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one webhook be many."""
    monkeypatch.setattr(kept, "MANY", 1)


def counts() -> dict[Kind, int]:
    return {kind: count for kind, count in count_kinds().items() if count}


def test_what_is_known_of_few_is_worked_out_each_time(app: Flask) -> None:
    make_webhook()
    made = iter(range(9))
    assert [kept.kept(lambda: next(made), 60.0) for _ in range(2)] == [0, 1]


def test_what_is_known_of_many_is_kept_until_somebody_changes_something(app: Flask, many: None) -> None:
    make_webhook()
    made = iter(range(9))

    def make(*of: str) -> int:
        return next(made)

    assert [kept.kept(make, 60.0) for _ in range(3)] == [0, 0, 0]
    audit.record("webhook.updated", "webhook", 1)
    db.session.commit()
    assert [kept.kept(make, 60.0) for _ in range(2)] == [1, 1]
    make_webhook()
    assert kept.kept(make, 60.0) == 2
    assert [kept.kept(make, 60.0, "an hour"), kept.kept(make, 60.0, "the next")] == [3, 4]
    assert [kept.kept(make, 0.0, "the next") for _ in range(2)] == [5, 6]


def test_counts_of_many_follow_each_change_at_once(app: Flask, many: None) -> None:
    webhook = make_webhook()
    assert counts() == {Kind("production", "active", "no_deliveries"): 1}
    changes.set_active(webhook, False)
    db.session.commit()
    assert counts() == {Kind("production", "inactive", ""): 1}
    make_webhook(environment="staging")
    assert counts() == {Kind("production", "inactive", ""): 1, Kind("staging", "active", "no_deliveries"): 1}
    changes.delete(webhook)
    db.session.commit()
    assert counts() == {Kind("staging", "active", "no_deliveries"): 1}


def test_counts_of_many_follow_what_workers_open_at_once(app: Flask, many: None) -> None:
    webhook = make_webhook()
    counts()
    webhook.breaker_opened_at = webhook.created_at
    db.session.commit()
    assert counts() == {Kind("production", "active", "failing"): 1}


def test_counts_that_are_kept_are_not_changed_by_their_reader(
    app: Flask, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "KEPT_SECONDS", 3_600.0)
    make_webhook(breaker_opened_at=make_webhook().created_at)
    assert [counts() for _ in range(3)] == [counts()] * 3
    assert find_page(WebhookFilters()).totals == Counter(counts())


def test_the_list_counts_what_its_switch_changed(app: Flask, many: None, admin: FlaskClient) -> None:
    webhook = make_webhook()
    assert "1 webhook" in admin.get("/admin/webhooks?status=active", headers=HTMX).text
    admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "false"}, headers=HTMX)
    assert "1 webhook" not in admin.get("/admin/webhooks?status=active", headers=HTMX).text
