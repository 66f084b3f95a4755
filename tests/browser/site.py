"""The running product with sample rows, and a browser, for screenshots and benchmarks of the pages."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, open_context, sign_in
from tests.browser.page_rows import make_rows
from tests.browser.pages import SETTINGS
from tests.support.rig import rig


@dataclass(frozen=True)
class Site:
    """A running product, and a browser."""

    url: str
    browser: Browser
    states: dict[str, Any]  # the cookies of each role's session

    def cookie(self, role: str) -> str:
        return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in self.states[role].get("cookies", ()))


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Run gunicorn on a database with sample rows, and Chromium."""
    with rig(**SETTINGS) as instance, instance.app.app_context(), sync_playwright() as playwright:
        make_rows()
        instance.start_web()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        states: dict[str, Any] = {"": {}}
        with open_context(browser, instance.url) as context:
            sign_in(context.new_page(), "super_admin")
            states["super_admin"] = context.storage_state()
        yield Site(instance.url, browser, states)
        browser.close()
