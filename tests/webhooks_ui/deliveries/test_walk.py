"""The log is read in steps that end at an id, whatever ids there are."""

import pytest
from sqlalchemy import event

from tests.support.both_databases import database_url  # noqa: F401 (a fixture)
from tests.support.factories import make_delivery
from webhooks_ui.database import db
from webhooks_ui.deliveries.filters import DeliveryFilters
from webhooks_ui.deliveries.pages import PAGE_ROWS, find_page
from webhooks_ui.models import Delivery

pytestmark = pytest.mark.usefixtures("app")
IDS = (1, 2, 3, 9, 10, 11, 29, 30, 31, 32, 60, 61, 62, 95, 96, 97, 98, 99, 100)


def fill(ids: tuple[int, ...]) -> None:
    first = make_delivery()
    values = {column.name: getattr(first, column.name) for column in Delivery.__table__.columns}
    db.session.delete(first)
    db.session.execute(db.insert(Delivery), [values | {"id": id} for id in ids])
    db.session.commit()


def steps(filters: DeliveryFilters) -> list[list[int]]:
    """Return the ids of each page, from the first to the last."""
    found: list[list[int]] = []
    cursor = ""
    while len(found) < 100:
        page = find_page(filters, cursor)
        found.append([row.id for row in page.deliveries])
        if not page.next:
            return found
        assert not page.searched_back_to or page.next != cursor
        cursor = page.next
    raise AssertionError("The pages don't end.")


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 28, 30, 200])
@pytest.mark.parametrize("sort", ["-time", "time"])
def test_steps_skip_no_row_and_repeat_none_where_ids_are_missing(
    monkeypatch: pytest.MonkeyPatch, sort: str, rows: int
) -> None:
    monkeypatch.setattr("webhooks_ui.deliveries.walk.SCANNED_ROWS", rows)
    fill(IDS)
    found = steps(DeliveryFilters(category="license", sort=sort))
    assert [id for page in found for id in page] == sorted(IDS, reverse=sort == "-time")
    assert len(found) <= 1 + len(IDS), "a step begins at a row, so none is empty where there are more"


def test_a_step_looks_at_no_more_ids_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks_ui.deliveries.walk.SCANNED_ROWS", 5)
    fill(tuple(range(1, 21)))
    pages = steps(DeliveryFilters(category="license"))
    assert pages == [[20, 19, 18, 17, 16, 15], [14, 13, 12, 11, 10, 9], [8, 7, 6, 5, 4, 3], [2, 1]]


def test_a_full_page_needs_no_look_at_where_its_step_ends() -> None:
    fill(tuple(range(1, 2 * PAGE_ROWS)))
    made: list[str] = []

    def note(*arguments: object) -> None:
        made.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert len(find_page(DeliveryFilters()).deliveries) == PAGE_ROWS
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(made) == 1, made
