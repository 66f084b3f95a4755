"""``make screenshots``: pictures of every page of ``make demo``, light, dark and narrow, into docs/screenshots."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.rig import ROOT, free_port, until

FOLDER = ROOT / "docs" / "screenshots"
PASSWORD = "a password for pictures"
TRICKLE_SECONDS = 25  # until the log has something to show
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}},
}
PAGES = {
    "login": "/login",
    "webhooks": "/admin/webhooks",
    "webhooks-empty": "/admin/webhooks?q=nothing+like+this",
    "webhook-new": "/admin/webhooks/new",
    "webhook-edit": "/admin/webhooks/4/edit",
    "webhook": "/admin/webhooks/4",
    "webhook-delete": "/admin/webhooks/4/delete",
    "deliveries": "/admin/webhook-deliveries",
    "delivery": "/admin/webhook-deliveries/{failed}",
    "event-types": "/admin/event-types",
    "audit-log": "/admin/audit-log",
    "api-keys": "/admin/api-keys",
    "settings": "/admin/settings/webhooks",
    "not-found": "/admin/webhooks/999999",
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-", ignore_cleanup_errors=True) as folder:
        url = f"http://127.0.0.1:{free_port()}"
        environ = os.environ | {"INSTANCE_PATH": folder, "PORT": url.rpartition(":")[2], "ADMIN_PASSWORD": PASSWORD}
        command = [sys.executable, "-m", "webhooks_ui.supervisor", "--demo"]
        demo = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: _answers(url), 60, "the demo answers")
            time.sleep(TRICKLE_SECONDS)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                for look in LOOKS:
                    _shoot(browser, url, look)
                browser.close()
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.wait(60)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _shoot(browser: Browser, url: str, look: str) -> None:
    context = browser.new_context(base_url=url, **LOOKS[look])  # type: ignore[arg-type]
    page = context.new_page()
    failed = "1"
    for name, path in PAGES.items():
        page.goto(path.format(failed=failed))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=_path(name, look))
        if name == "login":
            _sign_in(page)
            failed = _a_failed_delivery(page)
    context.close()


def _sign_in(page: Page) -> None:
    page.fill("[name=email]", "admin@example.com")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/webhooks*")


def _a_failed_delivery(page: Page) -> str:
    page.goto("/admin/webhook-deliveries?code=5xx")
    link = page.locator("a[href*='/admin/webhook-deliveries/']:not([href*='export'])").first
    return (link.get_attribute("href") or "1").rpartition("/")[2]


def _path(name: str, look: str) -> Path:
    return FOLDER / f"{name}-{look}.png"


if __name__ == "__main__":
    main()
