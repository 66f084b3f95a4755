"""Passkeys in a real browser, with Chromium's virtual authenticator."""

from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import Watch, open_context, sign_in
from tests.support.people import last_entry
from webhooks_ui.database import db, writing
from webhooks_ui.models import User
from webhooks_ui.people import accounts

DEVICE: dict[str, Any] = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def local_url(app: Flask, base_url: str) -> str:
    """Return the server's address under the name localhost, which may have passkeys."""
    app.config["PUBLIC_URL"] = base_url.replace("127.0.0.1", "localhost")
    return str(app.config["PUBLIC_URL"])


@pytest.fixture
def page(browser: Browser, local_url: str, watch: Watch) -> Iterator[Page]:
    with open_context(browser, local_url) as context:
        page = context.new_page()
        watch.follow(page)
        yield page


def add_device(page: Page, **options: Any) -> tuple[CDPSession, str]:
    """Give the browser a device that keeps passkeys."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    device = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | options})
    return session, str(device["authenticatorId"])


def add_passkey(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name of the passkey").fill("My laptop")
    page.get_by_role("button", name="Create the passkey").click()


def sign_out(page: Page) -> None:
    page.locator(".user-button").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_a_passkey_is_made_and_signs_in_without_a_password(page: Page) -> None:
    add_device(page)
    sign_in(page)
    add_passkey(page)
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("My laptop")).to_be_visible()
    sign_out(page)
    page.goto("/login?next=/account")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("heading", name="Account").wait_for()
    assert last_entry("user.signed_in").after == {"by": "passkey"}


def test_a_key_that_verifies_nobody_is_the_second_step(page: Page) -> None:
    add_device(page, protocol="u2f", transport="usb", hasResidentKey=False, hasUserVerification=False)
    sign_in(page)
    add_passkey(page)
    page.locator("#recovery-codes li").first.wait_for()
    page.goto("/account")
    expect(page.get_by_text("works only after the password")).to_be_visible()
    sign_out(page)
    page.get_by_label("Email address").fill("admin@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/admin/webhooks")
    assert last_entry("user.signed_in").after == {"by": "password and passkey"}


def test_an_invitation_is_accepted_with_nothing_but_a_passkey(page: Page) -> None:
    add_device(page)
    with writing():
        _, token = accounts.invite("eva@example.com", "operator")
    page.goto(f"/invitations/{token}")
    page.get_by_role("button", name="Accept with a passkey").click()
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("You have none, and sign in in another way.")).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(db.select(User.password_hash)).one() is None


def test_what_went_wrong_is_said_beside_the_button(page: Page) -> None:
    session, device = add_device(page)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/login")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("form[data-passkey] [role=alert]")).to_contain_text("No passkey was used")


def test_a_device_that_has_a_passkey_makes_no_second_one(page: Page) -> None:
    add_device(page)
    sign_in(page)
    add_passkey(page)
    page.locator("#recovery-codes li").first.wait_for()
    add_passkey(page)
    expect(page.locator("form[data-passkey] [role=alert]")).to_contain_text("has a passkey for your account already")


def test_under_another_address_the_page_says_where_passkeys_work(
    browser: Browser, base_url: str, local_url: str, watch: Watch
) -> None:
    with open_context(browser, base_url) as context:
        page = context.new_page()
        watch.follow(page)
        page.goto("/login")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.locator("form[data-passkey] [role=alert]")).to_contain_text(f"Passkeys work only at {local_url}.")


def test_without_javascript_the_other_ways_are_there(browser: Browser, base_url: str) -> None:
    with open_context(browser, base_url, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/account/passkeys/new")
        expect(page.locator("noscript .note")).to_be_visible()
        expect(page.get_by_role("button", name="Create the passkey")).to_be_hidden()


def test_an_authenticator_app_is_set_up_without_javascript(browser: Browser, base_url: str) -> None:
    with open_context(browser, base_url, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/account")
        page.get_by_role("button", name="Set up an app").click()
        secret = page.get_by_label("Or enter this secret").input_value()
        page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Enable").click()
        expect(page.locator("#recovery-codes li")).to_have_count(10)
