"""A live server and a real Chromium, with JavaScript and without."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server

from tests.conftest import PASSWORD
from tests.support.factories import make_user
from tests.support.people import start_session
from tests.support.waiting import PATIENCE_SECONDS
from webhooks_ui.database import db
from webhooks_ui.models import User, Webhook

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_CHROMIUM = "There is no Chromium on the PATH: install the package chromium to run the browser tests."

expect.set_options(timeout=PATIENCE_SECONDS * 1_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    """Run the app in a real server that checks CSRF tokens. Return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


HARMLESS = (
    # htmx writes these when a newer request, or a click on a link, ends one. A failed request has messages of its own.
    "htmx:sendAbort",
    "htmx:afterRequest",
    # Chromium writes this when htmx has already focused what asks for the focus.
    "Autofocus processing was blocked because a document already has a focused element.",
)


class Watch:
    """The problems of a page: console messages, script errors and answers with an unexpected error status."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.expected: set[int] = set()

    def expect_status(self, *codes: int) -> None:
        """Accept statuses that the test causes, and the console messages of Chromium about them."""
        self.expected.update(codes)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.text in HARMLESS:
            return
        told = ("status of", "Status Error Code")  # by Chromium, and by htmx
        if not any(f"{words} {code}" in message.text for code in self.expected for words in told):
            self.problems.append(f"console: {message.text}")

    def on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.problems.append(f"{response.status} for {response.url}")

    def follow(self, page: Page) -> None:
        page.on("console", self.on_console)
        page.on("response", self.on_response)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fail the test at its end if a page had a problem."""
    watch = Watch()
    yield watch
    assert watch.problems == []


@contextmanager
def open_context(browser: Browser, base_url: str, **options: Any) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=base_url, **options)
    context.set_default_timeout(PATIENCE_SECONDS * 1_000)
    yield context
    context.close()


def sign_in(page: Page, role: str = "admin") -> None:
    """Sign in through the form as a user of that role. Create the user if there is none."""
    email = f"{role}@example.com"
    if db.session.scalar(db.select(User).filter_by(email=email)) is None:
        make_user(email=email, role=role)
    db.session.rollback()
    page.goto("/login")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/webhooks")


def open_session(app: Flask, page: Page, base_url: str) -> None:
    """Sign in as a new admin, without the form."""
    client = app.test_client()
    start_session(client, make_user())
    cookie = client.get_cookie("session")
    assert cookie
    page.context.add_cookies([{"name": "session", "value": cookie.value, "url": base_url}])


def stored(webhook_id: int) -> Webhook:
    """Read the webhook again, in a new transaction that sees the changes of the server."""
    db.session.rollback()
    return db.session.get_one(Webhook, webhook_id, populate_existing=True)


@pytest.fixture
def page(app: Flask, browser: Browser, base_url: str, watch: Watch) -> Iterator[Page]:
    """Open a page with JavaScript, signed in as an admin."""
    with open_context(browser, base_url, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        watch.follow(page)
        open_session(app, page, base_url)
        yield page


@pytest.fixture
def plain_page(app: Flask, browser: Browser, base_url: str, watch: Watch) -> Iterator[Page]:
    """Open a page without JavaScript, signed in as an admin."""
    with open_context(browser, base_url, java_script_enabled=False) as context:
        page = context.new_page()
        watch.follow(page)
        open_session(app, page, base_url)
        yield page
