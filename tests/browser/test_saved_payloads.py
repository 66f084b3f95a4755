"""The data of a test event is saved under a name and taken again, with the keyboard alone."""

from playwright.sync_api import Page, expect

from tests.support.factories import make_webhook
from webhooks_ui.database import db
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Delivery


def test_data_is_saved_by_enter_and_taken_from_the_list(page: Page) -> None:
    webhook = make_webhook(event_types=["activation.failed"])
    page.goto(f"/admin/webhooks/{webhook.id}/test")
    data, name = page.get_by_label("Data"), page.get_by_label("Save as")
    data.fill('{"mine": 1}')
    name.fill("Limit reached")
    name.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Limit reached was saved.")
    expect(data).to_have_value('{"mine": 1}')
    page.get_by_label("Event type").select_option("license.created")
    expect(page.locator("#test-type-hint")).to_contain_text(EVENT_TYPES["license.created"].description)
    page.get_by_role("button", name="Load example").click()
    expect(data).not_to_have_value('{"mine": 1}')
    page.get_by_role("link", name="Limit reached").press("Enter")
    expect(data).to_have_value('{"mine": 1}')
    expect(page.get_by_label("Event type")).to_have_value("activation.failed")
    page.get_by_role("button", name="Delete Limit reached").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Limit reached was deleted.")
    expect(data).to_have_value('{"mine": 1}')
    page.get_by_role("button", name="Send test event").press("Enter")
    expect(page.get_by_text("On its way to the endpoint.")).to_be_visible()
    db.session.rollback()
    assert b'{"mine": 1}' in db.session.scalars(db.select(Delivery)).one().event.body
