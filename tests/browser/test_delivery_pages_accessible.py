"""axe-core finds nothing to complain of on the delivery log and the pages beside it."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import open_context, sign_in
from tests.factories import make_api_key, make_webhook
from tests.log_rows import add_attempt, add_delivery, settle
from webhooks_ui import audit
from webhooks_ui.extensions import db
from webhooks_ui.models import BulkAction, utcnow

PAGES = (
    "/admin/webhook-deliveries",
    "/admin/webhook-deliveries?status=failed&code=5xx&webhook=1",
    "/admin/webhook-deliveries?q=nothing",
    "/admin/webhook-deliveries/1",
    "/admin/webhook-deliveries/2",
    "/admin/webhook-deliveries/retries?status=failed",
    "/admin/bulk-actions/1",
    "/admin/webhooks/1/recoveries",
    "/admin/event-types",
    "/admin/audit-log",
    "/admin/api-keys",
    "/admin/api-keys/1/revoke",
    "/admin/settings/webhooks",
    "/admin/settings/webhooks/purge",
)


@pytest.fixture
def records(app):
    failed = settle(add_delivery(make_webhook()), 500)
    add_attempt(failed)
    add_attempt(failed, number=2, outcome="delivered", response_code=200, response_body=b'{"ok":true}')
    add_delivery(make_webhook(active=False))
    settle(add_delivery(), 503, status="pending", due_at=utcnow().replace(year=2099))
    settle(add_delivery())
    make_api_key()
    audit.record("webhook.updated", "webhook", 1, "Orders", {"url": "a"}, {"url": "b"})
    db.session.add(
        BulkAction(kind="retry", filters={}, actor="eva@example.com", start_id=9, end_id=0, place=5, status="stopped")
    )
    db.session.commit()


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_has_a_violation_or_overflows(browser, base_url, watch, scheme, width):
    size = {"width": width, "height": 900}
    with open_context(browser, base_url, color_scheme=scheme, viewport=size) as context:
        page = context.new_page()
        watch.follow(page)
        sign_in(page, "super_admin")
        for path in PAGES:
            page.goto(path)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
