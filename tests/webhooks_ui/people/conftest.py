"""Fixtures: an app without pages, on both kinds of database."""

import pytest

from tests.support.both_databases import database_url

__all__ = ["database_url"]


@pytest.fixture
def web() -> bool:
    """Make the app without pages, as a worker does."""
    return False
