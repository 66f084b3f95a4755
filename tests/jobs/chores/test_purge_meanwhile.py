"""A purge beside somebody who makes a delivery of an old event."""

import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy import insert

from jobs.chores.purge import Purged, purge
from tests.support.both_databases import database_url
from tests.support.factories import make_event, make_webhook
from tests.support.meanwhile import waits
from tests.support.waiting import wait_for
from webhooks_ui.database import db, write_transaction
from webhooks_ui.deliveries.changes import new_delivery
from webhooks_ui.models import Delivery, Event, utcnow

__all__ = ["database_url"]


def test_an_event_that_is_sent_again_meanwhile_stays(app: Flask) -> None:
    old, again = make_event(), make_event()
    old.created_at = again.created_at = utcnow() - timedelta(days=31)
    db.session.commit()
    old_id, row = old.id, new_delivery(again.id, again.type, make_webhook().id, "production", utcnow())
    purged: list[Purged] = []

    def run() -> None:
        with app.app_context():
            purged.append(purge(30))

    thread = threading.Thread(target=run)
    db.session.rollback()
    with write_transaction() as connection:
        connection.execute(insert(Delivery), row)
        thread.start()
        wait_for(lambda: waits(thread, "purge", connection), what="the purge waits for the other transaction")
    thread.join()
    assert purged == [Purged(0, 1)]
    assert db.session.scalars(db.select(Event.id)).all() == [row["event_id"]] != [old_id]
