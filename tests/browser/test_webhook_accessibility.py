"""axe-core finds nothing on any page, in both colour schemes, wide and narrow."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.conftest import Watch, open_context, sign_in
from tests.factories import make_api_key, make_delivery, make_webhook
from webhooks_ui.extensions import db
from webhooks_ui.models import Stats, utcnow

PAGES = (
    "/admin/webhooks",
    "/admin/webhooks?q=nothing",
    "/admin/webhooks/new",
    "/admin/webhooks/1",
    "/admin/webhooks/2",
    "/admin/webhooks/1/edit",
    "/admin/webhooks/1/secret",
    "/admin/webhooks/1/test",
    "/admin/webhooks/1/delete",
    "/admin/webhook-deliveries",
    "/admin/webhook-deliveries/1",
    "/admin/event-types",
    "/admin/audit-log",
    "/admin/api-keys",
    "/admin/settings/webhooks",
    "/admin/nothing-here",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_violation(browser: Browser, base_url: str, watch: Watch, scheme: str, width: int) -> None:
    watch.expect_status(404)
    make_delivery(make_webhook(), status="failed", outcome="bad_status", response_code=500, due_at=None)
    make_webhook(name="Sick", breaker_opened_at=utcnow(), failing_since=utcnow(), probe_at=utcnow(), active=True)
    make_webhook(name="Dead", active=False, disabled_at=utcnow(), disabled_reason="The endpoint answered 410 Gone.")
    hour = utcnow().replace(minute=0, second=0, microsecond=0)
    db.session.add(Stats(webhook_id=1, hour=hour, succeeded=True, duration_bucket_ms=100, count=5))
    db.session.commit()
    make_api_key()
    found = {}
    with open_context(browser, base_url, color_scheme=scheme, viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        watch.follow(page)
        page.goto("/login")
        found["/login"] = Axe().run(page).response["violations"]
        sign_in(page, "super_admin")
        for address in PAGES:
            page.goto(address)
            found[address] = Axe().run(page).response["violations"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{address} is too wide"
        page.goto("/admin/webhooks")
        page.get_by_role("button", name="Account").click()
        found["the account menu"] = Axe().run(page).response["violations"]
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.locator("#palette").get_by_role("link", name="Audit Log").wait_for()
        found["the palette"] = Axe().run(page).response["violations"]
    wrong = {
        address: [
            f"{violation['id']}: {node['html'][:200]} ({node['failureSummary'][:300]})"
            for violation in violations
            for node in violation["nodes"]
        ]
        for address, violations in found.items()
        if violations
    }
    assert not wrong, json.dumps(wrong, indent=1)
