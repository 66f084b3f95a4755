"""Warm-up: do once what each process does first, before they are forked.

Python, SQLAlchemy and Jinja change their objects when they use them for the first time, and keep what they have found
out. After a fork, each process would do that in memory of its own, which takes 3 to 8 MiB.
"""

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from flask import Flask

from jobs.sweep import sweep
from webhooks_ui import counting, create_app
from webhooks_ui.database import db
from webhooks_ui.models import ProcessKind, Webhook, get_settings
from webhooks_ui.models.key_check import check_keys
from webhooks_ui.pulse import Pulse

LATE = ("gunicorn.glogging", "webhooks_ui.run.door.worker")
PAGES = ("/login", "/healthz", "/admin/webhooks")  # what they answer to strangers needs no database


def warm_up_database(settings: Mapping[str, Any]) -> None:
    """Use an empty database in memory. Start no thread, and leave nothing open."""
    app = create_app({**settings, "SQLALCHEMY_DATABASE_URI": "sqlite://"}, web=False)
    with app.app_context():
        db.create_all()
        check_keys()
        get_settings()
        for mapper in Webhook.registry.mappers:
            db.session.execute(db.select(mapper.class_).limit(1)).all()
        db.session.remove()
        sweep()
        Pulse(app, ProcessKind.WORKER).beat()
        db.engine.dispose()


def warm_up_pages(app: Flask) -> None:
    """Load what the web server imports late, compile all templates, and make a few pages."""
    for name in LATE:
        import_module(name)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    logging.disable()  # nobody has asked for these pages
    for page in PAGES:
        app.test_client().get(page)
    logging.disable(logging.NOTSET)
    app.extensions["counters"] = counting.Counters()
