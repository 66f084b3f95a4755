"""``make screenshots``: pictures of every page and state, light and dark, narrow and wide.

They go into ``screenshots/``. The pictures of the README show ``make demo``, and go into ``docs/screenshots/``.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.axe import looks
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.pages import HOOKS, LOG, PLACES, walk
from tests.browser.site import site
from tests.support.rig import ROOT, free_port
from tests.support.waiting import wait_for

FOLDER, README_FOLDER = ROOT / "screenshots", ROOT / "docs" / "screenshots"
PASSWORD = "a password for pictures"
TRICKLE_SECONDS = 40  # until the log has something to show
README_LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}},
}
README_PAGES = {"webhooks": HOOKS, "webhook": f"{HOOKS}/4", "deliveries": LOG, "delivery": f"{LOG}/{{failed}}"}


def main() -> None:
    for folder in (FOLDER, README_FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
    shoot_everything()
    shoot_for_readme()


def shoot_everything() -> None:
    """Take a picture of each whole place, in each look."""
    with site() as product:
        for place, page in walk(product.browser, product.url, PLACES):
            for look in looks(page):
                page.screenshot(path=FOLDER / f"{_words(place.name)}-{_words(look)}.png", full_page=True)


def shoot_for_readme() -> None:
    with tempfile.TemporaryDirectory(prefix="screenshots-", ignore_cleanup_errors=True) as folder:
        url = f"http://127.0.0.1:{free_port()}"
        environ = os.environ | {"INSTANCE_PATH": folder, "PORT": url.rpartition(":")[2], "ADMIN_PASSWORD": PASSWORD}
        command = [sys.executable, "-m", "webhooks_ui.run.start", "--demo"]
        demo = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: _answers(url), what="the demo answers")
            time.sleep(TRICKLE_SECONDS)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                for look in README_LOOKS:
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
    context = browser.new_context(base_url=url, **README_LOOKS[look])  # type: ignore[arg-type]
    page = context.new_page()
    _sign_in(page)
    failed = _a_failed_delivery(page)
    for name, path in README_PAGES.items():
        page.goto(path.format(failed=failed))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=README_FOLDER / f"{name}-{look}.png")
    context.close()


def _sign_in(page: Page) -> None:
    page.goto("/login")
    page.fill("[name=email]", "admin@example.com")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/webhooks*")


def _a_failed_delivery(page: Page) -> str:
    page.goto(f"{LOG}?code=5xx")
    link = page.locator(f"a[href*='{LOG}/']:not([href*='export'])").first
    return (link.get_attribute("href") or "1").rpartition("/")[2]


def _words(text: str) -> str:
    return "-".join(re.findall(r"\w+", text.lower()))


if __name__ == "__main__":
    main()
