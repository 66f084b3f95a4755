"""What the pages and the API show of one delivery, on both databases."""

from flask import Flask
from sqlalchemy import select, update

from tests.support.both_databases import database_url
from tests.support.log_rows import add_attempt, add_delivery
from webhooks_ui.database import db, write_transaction
from webhooks_ui.deliveries.display import attempts_of
from webhooks_ui.models import Attempt, Delivery

__all__ = ["database_url"]


def test_a_status_fits_the_attempts_though_one_is_recorded_while_they_are_read(app: Flask) -> None:
    attempt_id = add_attempt(add_delivery(attempts_count=1)).id
    db.session.expire_all()
    delivery = db.session.scalars(select(Delivery)).one()
    assert delivery.status == "pending"
    with write_transaction() as connection:  # as a worker: PostgreSQL shows it to the next statement of the reader
        connection.execute(update(Delivery).values(status="failed", due_at=None, attempts_count=2))
        row = connection.execute(select(Attempt.__table__).where(Attempt.id == attempt_id)).one()
        connection.execute(Attempt.__table__.insert(), row._asdict() | {"id": attempt_id + 1, "number": 2})
    shown = attempts_of(delivery)
    assert (delivery.status == "failed") == (shown[0].number == 2)
