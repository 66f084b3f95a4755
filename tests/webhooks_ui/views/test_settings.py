"""The settings."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import make_user, make_webhook
from tests.support.http import HTMX
from tests.support.log_rows import add_delivery, settle
from webhooks_ui.configuration.mail import SmtpServer
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, get_settings, set_settings, utcnow

SignIn = Callable[[str], FlaskClient]


SETTINGS = "/admin/settings/webhooks"


@pytest.fixture
def super_admin(sign_in: SignIn) -> FlaskClient:
    return sign_in("super_admin")


def test_a_super_admin_saves_and_the_audit_log_knows_what_changed(super_admin: FlaskClient) -> None:
    data = {
        "retention_days": "7",
        "retry_schedule": "long",
        "alert_threshold": "3",
        "outgoing_addresses": " 203.0.113.7 \r\n\r\n2001:db8::/32\r\n",
    }
    assert super_admin.post(SETTINGS, data=data).status_code == 303
    saved = get_settings()
    assert (saved["retention_days"], saved["retry_schedule"], saved["alert_threshold"]) == (7, "long", 3)
    assert saved["outgoing_addresses"] == ["203.0.113.7", "2001:db8::/32"]
    entry = db.session.scalars(db.select(AuditEntry).filter_by(action="settings.updated")).one()
    assert (entry.before["retention_days"], entry.after["retention_days"]) == (30, 7)
    page = super_admin.get(SETTINGS).text
    assert "The settings were saved." in page
    assert "203.0.113.7\n2001:db8::/32" in page


def test_settings_and_rules_that_are_saved_again_are_no_change(super_admin: FlaskClient) -> None:
    for address, data in ((SETTINGS, {"retention_days": "7"}), ("/admin/team/rules", {"roles": ["viewer"]})):
        for _ in range(2):
            assert super_admin.post(address, data=data).status_code == 303
    assert db.session.scalars(db.select(AuditEntry.action)).all() == ["settings.updated", "team.updated"]


def test_a_setting_that_is_not_sent_stays_as_it_is(super_admin: FlaskClient) -> None:
    super_admin.post(SETTINGS, data={"retention_days": "7"})
    super_admin.post(SETTINGS, data={"alert_threshold": "3"})
    assert (get_settings()["retention_days"], get_settings()["alert_threshold"]) == (7, 3)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"retention_days": "8"}, "kept for 7, 15 or 30 days"),
        ({"retention_days": "x"}, "kept for 7, 15 or 30 days"),
        ({"retry_schedule": "never"}, "retry schedule must be default or long."),
        ({"alert_threshold": "0"}, "The alert threshold must be a whole number from 1 to 1,000."),
        ({"alert_threshold": "many"}, "The alert threshold must be a whole number from 1 to 1,000."),
        ({"alert_threshold": ""}, "The alert threshold must be a whole number from 1 to 1,000."),
        ({"outgoing_addresses": "example.com"}, "line 1: &#39;example.com&#39; is not an IP address or network"),
        ({"outgoing_addresses": "192.0.2.1\n\n192.0.2.0/33"}, "line 3: &#39;192.0.2.0/33&#39; is not an IP"),
        ({"outgoing_addresses": "192.0.2.1, 192.0.2.2"}, "line 1: &#39;192.0.2.1, 192.0.2.2&#39;"),
        ({"outgoing_addresses": "192.0.2.1 192.0.2.2"}, "Enter one per line"),
        ({"outgoing_addresses": "192.0.2.1\n" * 101}, "at most 100 outgoing addresses"),
    ],
)
def test_a_wrong_value_is_told_and_nothing_is_saved(
    super_admin: FlaskClient, wrong: dict[str, str], sentence: str
) -> None:
    before = get_settings()
    answer = super_admin.post(SETTINGS, data={"retention_days": "7"} | wrong)
    assert answer.status_code == 422
    assert answer.text.count(sentence) == 1
    assert get_settings() == before


def test_an_admin_sees_the_settings_but_may_not_save(admin: FlaskClient) -> None:
    page = admin.get(SETTINGS)
    assert page.status_code == 200
    assert "Only a super admin can change these settings." in page.text
    assert "Save settings" not in page.text
    assert admin.post(SETTINGS, data={"retention_days": "7"}).status_code == 403
    assert get_settings()["retention_days"] == 30


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_others_see_nothing(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(SETTINGS).status_code == 403


def test_the_page_says_what_a_purge_would_delete(admin: FlaskClient) -> None:
    delivery = settle(add_delivery(created_at=utcnow().replace(year=2020)))
    delivery.event.created_at = delivery.created_at
    db.session.commit()
    assert '<b class="number">1</b> delivery' in admin.get(f"{SETTINGS}/purge?retention_days=7").text
    answer = admin.get(f"{SETTINGS}/purge?retention_days=nonsense", headers=HTMX).text
    assert answer.lstrip().startswith('<div id="purge"')
    assert "are kept for 30 days" in answer


def test_the_page_asks_for_the_count_of_the_saved_retention_and_of_each_choice(super_admin: FlaskClient) -> None:
    set_settings({"retention_days": 15})
    db.session.commit()
    page = super_admin.get(SETTINGS).text
    assert f'id="purge" hx-get="{SETTINGS}/purge?retention_days=15" hx-trigger="load"' in page
    assert f'<a href="{SETTINGS}/purge">' in page  # without JavaScript
    assert page.count(f'type="radio" name="retention_days" value="7" hx-get="{SETTINGS}/purge"') == 1


def test_the_other_choices_are_links_for_those_who_have_no_radio_buttons(sign_in: SignIn) -> None:
    address, htmx = f"{SETTINGS}/purge", HTMX
    super_admin = sign_in("super_admin")
    assert "Count for 7 days" in super_admin.get(address).text
    assert "Count for 7 days" not in super_admin.get(address, headers=htmx).text
    super_admin.post("/logout")
    assert "Count for 7 days" in sign_in("admin").get(address, headers=htmx).text


def test_each_schedule_says_its_times(admin: FlaskClient) -> None:
    page = admin.get(SETTINGS).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "5 attempts: at once, then after 1 min, 5 min, 15 min and 1 h" in page
    assert "10 attempts: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in page


def test_the_page_says_whether_notices_are_mailed_and_never_the_password(app: Flask, super_admin: FlaskClient) -> None:
    assert "Notices are not emailed. To email them, set SMTP_URL." in super_admin.get(SETTINGS).text
    app.config["SMTP"] = SmtpServer("smtps", "mail.example.com", 465, "portal", "hush-hush")
    page = super_admin.get(SETTINGS).text
    assert "Notices are emailed to 1 admin through mail.example.com." in page
    assert "hush-hush" not in page
    make_user("eva@example.com", "admin")
    make_user("olga@example.com", "operator")
    assert "Notices are emailed to 2 admins through mail.example.com." in super_admin.get(SETTINGS).text


def test_the_form_of_a_webhook_shows_the_outgoing_addresses(admin: FlaskClient) -> None:
    webhook = make_webhook()
    pages = ["/admin/webhooks/new", f"/admin/webhooks/{webhook.id}/edit"]
    assert "in your firewall" not in admin.get(pages[0]).text  # none are set
    set_settings({"outgoing_addresses": ["203.0.113.7", "2001:db8::/32"]})
    db.session.commit()
    refused = [admin.post(page, data={"name": ""}) for page in pages]
    for answer in (*map(admin.get, pages), *refused):
        assert "Deliveries come from these addresses. Allow them in your firewall." in answer.text
        assert "203.0.113.7\n2001:db8::/32" in answer.text
        assert 'data-copy="outgoing-addresses"' in answer.text
    set_settings({"outgoing_addresses": ["203.0.113.7"]})
    db.session.commit()
    assert "Deliveries come from this address. Allow it in your firewall." in admin.get(pages[0]).text


def shown(page: str) -> dict[str, str]:
    """Return the fields of the form as the page shows them."""
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen
    return {"seen": unescape(seen[1]), **json.loads(unescape(seen[1]))}


def test_two_who_change_different_settings_both_succeed(super_admin: FlaskClient) -> None:
    set_settings({"outgoing_addresses": ["203.0.113.7", "2001:db8::/32"]})
    db.session.commit()
    one, other = (shown(super_admin.get(SETTINGS).text) for _ in range(2))
    for form in (one, other):
        form["outgoing_addresses"] = form["outgoing_addresses"].replace("\n", "\r\n")  # as browsers do
    assert super_admin.post(SETTINGS, data=one | {"alert_threshold": "11"}).status_code == 303
    assert super_admin.post(SETTINGS, data=other | {"retention_days": "7"}).status_code == 303
    saved = get_settings()
    assert (saved["alert_threshold"], saved["retention_days"]) == (11, 7)
    assert saved["outgoing_addresses"] == ["203.0.113.7", "2001:db8::/32"]


def test_who_changes_what_another_has_just_changed_is_asked(super_admin: FlaskClient) -> None:
    one, other = (shown(super_admin.get(SETTINGS).text) for _ in range(2))
    super_admin.post(SETTINGS, data=one | {"alert_threshold": "11"})
    answer = super_admin.post(SETTINGS, data=other | {"alert_threshold": "12"})
    assert answer.status_code == 409
    assert "Somebody else changed this to 11 while you were editing." in answer.text
    assert 'value="12"' in answer.text
    assert get_settings()["alert_threshold"] == 11
    again = shown(answer.text) | {"alert_threshold": "12"}
    assert super_admin.post(SETTINGS, data=again).status_code == 303
    assert get_settings()["alert_threshold"] == 12


@pytest.mark.parametrize("seen", ["", "nonsense", "[1]", '{"alert_threshold": null}'])
def test_nonsense_about_what_was_shown_does_no_harm(super_admin: FlaskClient, seen: str) -> None:
    assert super_admin.post(SETTINGS, data={"seen": seen, "alert_threshold": "10"}).status_code in (303, 409)
