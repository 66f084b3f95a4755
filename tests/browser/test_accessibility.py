"""No page violates a rule of axe-core, or leaves one undecided: narrow and light, wide and dark.

``make bench`` looks at all four. No page is wider than its window, no card cuts anything off, targets are large enough,
no id is there twice, and the HTML is valid.
"""

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.browser.axe import looks, violations
from tests.browser.conftest import Watch
from tests.browser.page_rows import make_rows
from tests.browser.pages import HOOKS, LOG, PEOPLE, PLACES, SETTINGS, walk
from tests.browser.targets import cut_off, doubled_ids, invalid_parts, small_targets
from webhooks_ui.configuration.mail import smtp_server
from webhooks_ui.configuration.sign_in import oidc_provider

SCANNED = ("light, 320 px", "dark, 1280 px")
PARTS = {
    "webhooks": [place for place in PLACES if place.path.startswith(HOOKS)],
    "deliveries": [place for place in PLACES if place.path.startswith(LOG)],
    "people": [place for place in PLACES if place.path.startswith(PEOPLE)],
    "others": [place for place in PLACES if not place.path.startswith((HOOKS, LOG, *PEOPLE))],
}
NO_PAGES = {  # fragments, downloads and redirects
    "admin",
    "api_keys.created",  # the place "API key, created" leads there
    "authenticator.edit",  # the place "authenticator app" leads there
    "deliveries.attempt_body",
    "deliveries.body",
    "deliveries.follow",
    "deliveries.newer",
    "deliveries.unfinished",
    "exports.csv",
    "exports.json",
    "inspectors.body",
    "inspectors.newer",
    "passkeys.new",
    "payloads.schema",
    "recovery_codes.show",  # the place "recovery codes" leads there
    "second_factor.new",  # the place "second step" leads there
    "sso.callback",
    "sso.start",
    "team.link",  # the place "invite, a link to copy" leads there
    "webhooks.follow_deliveries",
    "webhooks.newer_deliveries",
    "webhooks.no_bulk",
    "webhooks.preview_edit",
    "webhooks.preview_new",
    "webhooks.steps",
    "webhooks.test_result",
}


@pytest.mark.parametrize("part", PARTS)
def test_no_page_has_a_violation_a_small_target_or_is_too_wide(
    app: Flask, browser: Browser, base_url: str, watch: Watch, request: pytest.FixtureRequest, part: str
) -> None:
    app.config |= {"SMTP": smtp_server(SETTINGS["SMTP_URL"]), "OIDC": oidc_provider(SETTINGS)}
    make_rows()
    watch.expect_status(*{place.status for place in PARTS[part]} - {200})
    found, too_wide, cut, small, doubled, invalid, scans = [], [], [], [], [], [], 0
    for place, page in walk(browser, base_url, PARTS[part], watch.follow):
        for look in looks(page):
            if look in SCANNED:
                scans += 1
                found += [f"{place.name}, {look}: {violation}" for violation in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                too_wide.append(f"{place.name}, {look}")
            if look.startswith("light"):
                small += [f"{place.name}, {look}: {target}" for target in small_targets(page)]
                cut += [f"{place.name}, {look}: {part}" for part in cut_off(page)]
        doubled += [f"{place.name}: {id}" for id in doubled_ids(page)]
        invalid += [f"{place.name}: {part}" for part in invalid_parts(page)]
    request.node.user_properties.append(("axe", [len(PARTS[part]), scans, len(found)]))
    assert scans == len(PARTS[part]) * len(SCANNED)
    assert not found, "\n".join(found)
    assert not too_wide
    assert not cut, "\n".join(cut)
    assert not small, "\n".join(small)
    assert not doubled
    assert not invalid, "\n".join(invalid)


def test_every_page_is_looked_at(app: Flask) -> None:
    addresses = app.url_map.bind("")
    seen = {addresses.match(place.path.partition("?")[0])[0] for place in PLACES if place.status != 404}
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.rule.startswith(("/admin/", *PEOPLE))
    }
    assert pages == seen | NO_PAGES
