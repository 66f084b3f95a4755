"""Whoever turns the pages of the log while deliveries change gets each of the others once."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.deliveries.filters import SORTS, DeliveryFilters
from webhooks_ui.deliveries.pages import Page, find_page
from webhooks_ui.models import Delivery

pytestmark = pytest.mark.usefixtures("app")
ROWS = 5
STATES = [("delivered", 200), ("failed", 500), ("cancelled", None), ("failed", 404), ("pending", 503)]


def fill(count: int) -> None:
    webhook = make_webhook()
    for _, (status, code) in zip(range(count), cycle(STATES), strict=False):
        make_delivery(webhook, status=status, response_code=code, attempts_count=bool(code))


def settle(id: int, status: str, code: int) -> None:
    """Change a delivery, so that it stands somewhere else in a sorted log."""
    db.session.execute(db.update(Delivery).where(Delivery.id == id).values(status=status, response_code=code))
    db.session.commit()


def pages_of(filters: DeliveryFilters) -> Iterator[Page]:
    """Yield the pages from the first to the last."""
    cursor: str | None = ""
    while cursor is not None:
        page = find_page(filters, cursor, ROWS)
        db.session.rollback()
        yield page
        cursor = page.next


@pytest.mark.parametrize(("status", "window"), [("", 1_500), ("with_failures", 1_500), ("undelivered", 7)])
@pytest.mark.parametrize("sort", SORTS)
def test_a_delivery_that_stays_as_it_is_comes_once(
    monkeypatch: pytest.MonkeyPatch, sort: str, status: str, window: int
) -> None:
    monkeypatch.setattr("webhooks_ui.deliveries.pages.SORTED_ROWS", window)
    monkeypatch.setattr("webhooks_ui.deliveries.walk.LEAST_ROWS", window)
    fill(30)
    filters = DeliveryFilters(status=status, sort=sort)
    there = {row.id for row in find_page(filters.with_(sort="-time"), rows=100).deliveries}
    other = make_webhook()
    seen: list[int] = []
    changed: set[int] = set()
    for page in pages_of(filters):
        seen += [row.id for row in page.deliveries]
        for row, becomes in zip(page.deliveries, [("delivered", 200), ("failed", 500)], strict=False):
            settle(row.id, *becomes)
            changed.add(row.id)
        if len(seen) < 10:
            make_delivery(other, status="failed", response_code=500)
    stayed = [id for id in seen if id not in changed]
    assert len(stayed) == len(set(stayed))
    assert there - changed <= set(stayed)


@pytest.mark.parametrize("sort", SORTS)
def test_the_pages_before_are_those_that_led_here(sort: str) -> None:
    fill(23)
    filters = DeliveryFilters(sort=sort)
    on = [[row.id for row in page.deliveries] for page in pages_of(filters)]
    page = list(pages_of(filters))[-1]
    back = [[row.id for row in page.deliveries]]
    while page.previous:
        page = find_page(filters, page.previous, ROWS)
        back.insert(0, [row.id for row in page.deliveries])
    assert back == on
