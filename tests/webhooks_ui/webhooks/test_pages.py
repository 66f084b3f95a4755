import itertools

import pytest
from flask import Flask

from tests.support.both_databases import database_url
from tests.support.factories import make_webhook
from webhooks_ui.models import Environment, WebhookStatus
from webhooks_ui.webhooks.filters import SORTS, WebhookFilters
from webhooks_ui.webhooks.pages import find_page

__all__ = ["database_url"]


@pytest.fixture
def web() -> bool:
    return False


def test_each_filter_and_order_shows_its_webhooks(app: Flask) -> None:
    """The statements are kept, and differ between the kinds of database."""
    made = [
        make_webhook(name=f"Webhook {environment} {active}", environment=environment, active=active)
        for environment, active in itertools.product(Environment, (True, False))
    ]
    for environment, status, sort in itertools.product(["", *Environment], ["", *WebhookStatus], SORTS):
        filters = WebhookFilters(environment=environment, status=status, sort=sort)
        wanted = {
            webhook.id
            for webhook in made
            if environment in ("", webhook.environment) and status in ("", webhook.status)
        }
        assert {row.id for row in find_page(filters, whole_urls=True).webhooks} == wanted
