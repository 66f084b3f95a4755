"""The chore that ends inspectors which nobody looks at, and deletes old requests."""

from datetime import timedelta

import pytest
from flask import Flask

from jobs.chores.end_inspectors import end_inspectors
from jobs.scheduler import CHORES_EVERY
from tests.support.factories import make_user
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, InspectedRequest, Inspector, secret_box, utcnow

pytestmark = pytest.mark.usefixtures("app")


def make_inspector(name: str, days: float) -> Inspector:
    """Make an inspector that was looked at so many days ago, with a request from then and one of today."""
    user = make_user(f"{name}@example.com")
    at = utcnow() - timedelta(days=days)
    inspector = Inspector(user_id=user.id, name=name, token=name, looked_at=at)
    db.session.add(inspector)
    db.session.flush()
    for received_at in (utcnow(), at):
        row = {"method": "POST", "head_encrypted": secret_box.encrypt("[]"), "body": b"", "body_bytes": 0}
        row |= {"code": 200, "delay_seconds": 0, "received_at": received_at, "inspector_id": inspector.id}
        db.session.add(InspectedRequest(**row))
    db.session.commit()
    return inspector


def count(model: type[object]) -> int:
    db.session.rollback()
    return int(db.session.scalars(db.select(db.func.count()).select_from(model)).one())


def test_an_inspector_ends_with_its_requests_after_a_week_without_a_look(app: Flask) -> None:
    make_inspector("old", 7.1)
    make_inspector("new", 6.9)
    end_inspectors()
    db.session.rollback()
    assert db.session.scalars(db.select(Inspector.name)).all() == ["new"]
    assert count(InspectedRequest) == 2
    entry = db.session.scalars(db.select(AuditEntry)).one()
    assert (entry.action, entry.object_name, entry.actor) == ("inspector.ended", "old", "system")


def test_old_requests_go_even_if_somebody_looks_at_the_inspector(app: Flask) -> None:
    inspector = make_inspector("old", 7.1)
    inspector.looked_at = utcnow()
    db.session.commit()
    end_inspectors()
    assert (count(Inspector), count(InspectedRequest)) == (1, 1)


def test_the_scheduler_does_it(app: Flask) -> None:
    assert end_inspectors in dict(CHORES_EVERY)
