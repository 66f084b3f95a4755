"""What a person or another version wrote into the table of settings fails nowhere, and the doctor names it."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import JSON, text

from jobs.chores.count_types import count_types
from jobs.chores.index_keys import index_keys
from jobs.chores.purge import purge_daily
from jobs.deliver import deliver
from tests.support.both_databases import database_url  # noqa: F401
from tests.support.factories import make_delivery, make_webhook
from tests.support.receivers import Receiver
from webhooks_ui.checks.setup import saved_settings
from webhooks_ui.database import db
from webhooks_ui.deliveries.by_type import COUNTED_TO
from webhooks_ui.deliveries.keyed import INDEXED_FROM
from webhooks_ui.models import Delivery, Setting, get_settings
from webhooks_ui.models.setting import DEFAULTS, SECOND_FACTOR_RULE
from webhooks_ui.people.second_factor import is_required

NAMES = tuple(DEFAULTS)
PAGES = (
    *("/admin/webhooks", "/admin/webhooks/1", "/admin/webhooks/new", "/admin/webhook-deliveries", "/admin/overview"),
    *("/admin/webhook-deliveries/1", "/admin/webhook-deliveries?q=6f1c2b9e", "/admin/settings/webhooks"),
    *("/admin/team", "/account", "/admin/settings/webhooks/purge"),
)


NOT_JSON = "production"  # as a person may type it into SQLite's shell


def write(name: str, value: Any) -> None:
    if value is NOT_JSON:
        if db.engine.dialect.name == "postgresql":
            pytest.skip("PostgreSQL takes JSON alone")
        db.session.merge(Setting(name=name, value=0))
        db.session.flush()
        values = {"value": value, "name": name}
        db.session.execute(text("UPDATE settings SET value = :value WHERE name = :name"), values)
    else:
        db.session.merge(Setting(name=name, value=JSON.NULL if value is None else value))
    db.session.commit()


@pytest.mark.parametrize("value", [None, 5.5, {"a": 1}, [None], -1, NOT_JSON], ids=str)
def test_odd_values_fail_nowhere(app: Flask, admin: FlaskClient, receiver: Receiver, value: Any) -> None:
    make_delivery(make_webhook(url=receiver.url))
    for name in (*NAMES, COUNTED_TO, INDEXED_FROM, "unheard_of"):
        write(name, value)
    assert get_settings() == DEFAULTS | {SECOND_FACTOR_RULE: ["super_admin", "admin", "operator", "viewer"]}
    trouble = saved_settings()
    assert trouble
    assert trouble.sentence.endswith(f"{', '.join(sorted(NAMES))}.")
    write(SECOND_FACTOR_RULE, [])  # else each page leads to setting one up
    for page in PAGES:
        assert admin.get(page).status_code == 200, page
    for chore in (deliver, purge_daily, count_types, index_keys):
        db.session.remove()
        chore()
    assert db.session.scalars(db.select(Delivery.status)).all() == ["delivered"]
    for place in (COUNTED_TO, INDEXED_FROM):
        found = db.session.get(Setting, place)
        assert found is None or type(found.value) is int


@pytest.mark.parametrize("value", [None, "admin", [5], ["administrator"], NOT_JSON], ids=str)
def test_an_unusable_rule_for_second_factors_holds_for_everybody(app: Flask, admin: FlaskClient, value: Any) -> None:
    assert admin.get("/admin/webhooks").status_code == 200
    write(SECOND_FACTOR_RULE, value)
    assert is_required("viewer")
    assert admin.get("/admin/webhooks").headers.get("Location") == "/account"
