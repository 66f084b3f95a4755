import pytest
from flask_migrate import check, downgrade, upgrade

from config import load
from tests.support.rig import postgresql
from webhooks_ui import create_app
from webhooks_ui.database import db


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """The app on a database without tables."""

    def app_on(url):
        app = create_app(load({"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": url}))
        with app.app_context():
            yield app
            db.engine.dispose()

    if request.param == "sqlite":
        yield from app_on("")
        return
    with postgresql() as url:
        yield from app_on(url)


def test_the_migrations_make_the_tables_that_the_models_say(empty):
    upgrade()
    check()  # exits if a migration is missing


def test_the_last_migration_can_be_taken_back(empty):
    upgrade()
    downgrade()
    upgrade()
    check()
