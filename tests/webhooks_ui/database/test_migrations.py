"""The migrations make the tables that the models define, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade

from config import load
from tests.support.rig import postgresql
from webhooks_ui import create_app
from webhooks_ui.database import db


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The app on a database without tables."""

    def app_on(url: str) -> Iterator[Flask]:
        app = create_app(load({"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": url}))
        with app.app_context():
            yield app
            db.engine.dispose()

    if request.param == "sqlite":
        yield from app_on("")
        return
    with postgresql() as url:
        yield from app_on(url)


def test_the_migrations_make_the_tables_of_the_models(empty: Flask) -> None:
    upgrade()
    check()  # exits if a migration is missing


def test_the_last_migration_can_be_undone(empty: Flask) -> None:
    upgrade()
    downgrade()
    upgrade()
    check()
