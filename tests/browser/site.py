"""The product as it runs, with something of each kind to show, and a browser: for whoever looks at its pages."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, open_context, sign_in
from tests.browser.page_rows import make_rows
from tests.support.rig import rig


@dataclass(frozen=True)
class Site:
    """A running product, and the browser that looks at it."""

    url: str
    browser: Browser
    states: dict[str, Any]  # what a browser keeps of each role's session

    def cookie(self, role: str) -> str:
        return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in self.states[role].get("cookies", ()))


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """gunicorn with something to show, and Chromium."""
    with rig() as instance, instance.app.app_context(), sync_playwright() as playwright:
        make_rows()
        instance.start_web()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        states: dict[str, Any] = {"": {}}
        with open_context(browser, instance.url) as context:
            sign_in(context.new_page(), "super_admin")
            states["super_admin"] = context.storage_state()
        yield Site(instance.url, browser, states)
        browser.close()
