"""What a list shows is saved under a name, opened and deleted, with and without JavaScript."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import make_webhook


@pytest.mark.parametrize("which", ["page", "plain_page"])
def test_a_filter_is_saved_opened_and_deleted(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    make_webhook(name="Wanted", environment="staging")
    make_webhook(name="Another")
    page.goto("/admin/webhooks?environment=staging&q=want")
    page.get_by_text("Save filter").click()
    page.get_by_label("Name", exact=True).fill("Of staging")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.locator("#status")).to_contain_text("The filter Of staging was saved.")
    page.goto("/admin/webhooks")
    expect(page.get_by_role("link", name="Another", exact=True)).to_be_visible()
    page.get_by_role("link", name="Of staging", exact=True).click()
    expect(page).to_have_url(re.compile("environment=staging"))
    expect(page.get_by_role("link", name="Another", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Of staging", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Delete the saved filter Of staging").click()
    page.get_by_role("button", name="Delete filter").click()
    expect(page.get_by_role("link", name="Of staging", exact=True)).to_have_count(0)
    expect(page.get_by_text("Save filter")).to_be_visible()
