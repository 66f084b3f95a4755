"""The page "Why is nothing arriving?" names the one thing that keeps events from arriving."""

import html
import re
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.publish import publish, send_test
from tests.jobs.sending import LOOPBACK
from tests.support.authorities import Authority, asking
from tests.support.factories import make_delivery, make_unreadable_webhook, make_webhook
from tests.support.receivers import Receiver
from tests.support.rig import free_port
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions, reloaded
from webhooks_ui.database import db, writing
from webhooks_ui.events.new_event import NewEvent
from webhooks_ui.models import Stats, utcnow
from webhooks_ui.webhooks.client_certificates import Pair, seal_pair


def all_checks(client: FlaskClient, webhook_id: int) -> list[tuple[str, str]]:
    """Return the verdict and the title of each check."""
    text = client.get(f"/admin/webhooks/{webhook_id}/why-nothing").text
    items = re.findall(r'<li data-status="(\w+)">.*?<b>(.*?)</b>', text, re.DOTALL)
    return [(status, html.unescape(title)) for status, title in items]


def problems(client: FlaskClient, webhook_id: int) -> list[str]:
    """Return the titles of the checks that found a problem."""
    return [title for status, title in all_checks(client, webhook_id) if status == "failed"]


def this_hour() -> datetime:
    return utcnow().replace(minute=0, second=0, microsecond=0)


def happen(type: str = "license.activated", environment: str = "production", **data: Any) -> None:
    publish(environment, [NewEvent(type, data)])
    db.session.rollback()


def test_a_webhook_that_works_has_no_problem(admin: FlaskClient) -> None:
    webhook = make_webhook().id
    happen()
    assert problems(admin, webhook) == []


def test_a_webhook_that_never_had_a_delivery_is_not_said_to_have_sent_them(admin: FlaskClient) -> None:
    webhook = make_webhook()
    address = f"/admin/webhooks/{webhook.id}/why-nothing"
    assert "The log has no delivery of it." in admin.get(address).text
    make_delivery(webhook, status="delivered")
    assert "All of its deliveries were sent or given up." in admin.get(address).text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"active": False}, "It is inactive"),
        ({"active": False, "disabled_at": utcnow()}, "It was disabled automatically"),
        ({"breaker_opened_at": utcnow(), "consecutive_failures": 10}, "Its deliveries wait, because it fails"),
        ({"event_types": ["license.created"]}, "Other events happen"),
        ({"environment": "staging"}, "Its events happen elsewhere"),
        (
            {"filter": {"match": "all", "conditions": [{"field": "status", "operator": "equals", "value": "x"}]}},
            "Its filter lets no event pass",
        ),
        (
            {
                "failures": [
                    {"outcome": "timeout", "code": None, "text": "", "count": 1, "since": "2026-11-23T10:00:00+00:00"}
                    | {"delivery": 1}
                ]
            },
            "The endpoint doesn't accept them",
        ),
    ],
)
def test_the_problem_is_named(admin: FlaskClient, fields: dict[str, Any], problem: str) -> None:
    webhook = make_webhook(**fields).id
    happen()
    assert problems(admin, webhook) == [problem]


def test_an_environment_without_events_is_named(admin: FlaskClient) -> None:
    assert problems(admin, make_webhook().id) == ["No event happens"]


def test_a_test_event_is_none_that_happened(admin: FlaskClient) -> None:
    webhook = make_webhook()
    id = webhook.id
    with writing():
        send_test(webhook, NewEvent("license.activated", {}))
        send_test(webhook, NewEvent("license.created", {}))
    assert problems(admin, id) == ["No event happens"]


def test_what_it_misses_is_a_note_if_events_arrive(admin: FlaskClient) -> None:
    """Somebody may miss a type that nobody subscribed to, or an event of another environment, while others arrive."""
    webhook = make_webhook().id
    assert len(all_checks(admin, webhook)) == 4
    happen()
    assert {"Other events happen, too", "Its events happen elsewhere, too"}.isdisjoint(dict(all_checks(admin, webhook)))
    for type, environment in (
        ("license.created", "production"),
        ("license.created", "production"),
        ("license.activated", "staging"),
        ("license.created", "staging"),
    ):
        happen(type, environment)
    notes = [title for status, title in all_checks(admin, webhook) if status == "pending"]
    assert {"Other events happen, too", "Its events happen elsewhere, too"} <= {*notes}
    assert problems(admin, webhook) == []
    text = admin.get(f"/admin/webhooks/{webhook}/why-nothing").text
    assert "In production there were license.created (2) within the last 24 hours." in text
    assert "1 event of its types in staging within the last 24 hours." in text


def test_both_are_problems_if_nothing_arrives(admin: FlaskClient) -> None:
    webhook = make_webhook().id
    happen("license.created")
    happen("license.activated", "staging")
    assert problems(admin, webhook) == ["Its events happen elsewhere", "Other events happen"]


def test_the_most_frequent_types_are_named_and_the_others_counted(admin: FlaskClient) -> None:
    webhook = make_webhook().id
    types = [f"license.{action}" for action in ("created", "updated", "deleted", "assigned", "expired", "revoked")]
    for type in [*types, types[-1]]:
        happen(type)
    text = admin.get(f"/admin/webhooks/{webhook}/why-nothing").text
    assert "there were license.revoked (2), license.assigned (1), license.created (1)," in text
    assert "(1), 1 other type within the last 24 hours." in text


@pytest.mark.parametrize("fields", [{}, {"disabled_at": utcnow(), "disabled_reason": "410 Gone"}])
def test_an_inactive_webhook_is_activated_in_place(admin: FlaskClient, fields: dict[str, Any]) -> None:
    webhook = make_webhook(active=False, **fields)
    address = f"/admin/webhooks/{webhook.id}/why-nothing"
    happen()
    form = re.search(
        r'<form method="post" action="([^"]+)">(?:(?!</form>).)*id="activate"', admin.get(address).text, re.S
    )
    assert form
    assert 'name="active" value="true"' in form[0]
    assert 'name="csrf_token"' in form[0]
    answer = admin.post(form[1], data={"active": "true"}, headers={"Referer": f"http://localhost{address}"})
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    page = admin.get(address).text
    assert "Orders is active now." in page
    assert 'id="activate"' not in page
    assert recorded_actions() == ["webhook.activated"]
    assert problems(admin, webhook.id) == []


def test_a_webhook_that_was_deleted_meanwhile_is_not_activated(admin: FlaskClient) -> None:
    webhook = make_webhook(active=False, deleted_at=utcnow())
    address = f"/admin/webhooks/{webhook.id}/why-nothing"
    headers = {"Referer": f"http://localhost{address}"}
    answer = admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": "true"}, headers=headers)
    assert answer.headers["Location"] == "/admin/webhooks"
    assert "Orders was deleted in the meantime." in admin.get("/admin/webhooks").text
    assert not reloaded(webhook).active


def test_what_waits_is_counted(admin: FlaskClient) -> None:
    webhook = make_webhook(throttled_until=utcnow() + timedelta(hours=1))
    id = webhook.id
    make_delivery(webhook)
    text = admin.get(f"/admin/webhooks/{id}/why-nothing").text
    assert "because the endpoint asked for it" in text
    assert "1 delivery, created <time" in text
    make_delivery(webhook)
    text = admin.get(f"/admin/webhooks/{id}/why-nothing").text
    assert "2 deliveries. The oldest was created <time" in text


def test_attempts_that_were_answered_with_a_wish_to_wait_are_attempts(admin: FlaskClient) -> None:
    for throttled_at, title in (
        (utcnow() - timedelta(hours=2), "The endpoint asks to wait"),
        (utcnow() - timedelta(hours=25), "No attempt was made"),
    ):
        webhook = make_webhook(throttled_at=throttled_at, throttled_until=utcnow() + timedelta(hours=1))
        assert ("pending", title) in all_checks(admin, webhook.id)


def test_times_are_shown_as_on_other_pages(admin: FlaskClient) -> None:
    """Other pages show recent times relative to now, and let the browser convert all times to the reader's zone."""
    until = utcnow() + timedelta(minutes=5, seconds=30)
    failing = make_webhook(breaker_opened_at=utcnow(), consecutive_failures=10, probe_at=until).id
    throttled = make_webhook(throttled_until=until).id
    for id, begin in ((failing, "The next probe goes out "), (throttled, "Its deliveries go on ")):
        text = admin.get(f"/admin/webhooks/{id}/why-nothing").text
        assert re.search(rf"{begin}<time [^>]*data-local[^>]*>in 5 minutes</time>\.", text)


def test_a_probe_that_is_due_goes_out_soon(admin: FlaskClient) -> None:
    past = utcnow() - timedelta(seconds=5)
    id = make_webhook(breaker_opened_at=past, consecutive_failures=10, probe_at=past).id
    assert "The next probe goes out soon." in admin.get(f"/admin/webhooks/{id}/why-nothing").text


def test_the_endpoint_is_asked_on_a_click(admin: FlaskClient, app: Flask, receiver: Receiver) -> None:
    app.config["ALLOWED_TARGETS"] = LOOPBACK
    id = make_webhook(url=receiver.url).id
    assert "It takes connections" not in admin.get(f"/admin/webhooks/{id}/why-nothing").text
    assert "It takes connections" in admin.post(f"/admin/webhooks/{id}/why-nothing").text
    assert receiver.requests == []


def test_an_endpoint_that_takes_no_connections_is_not_said_to_take_them(admin: FlaskClient, app: Flask) -> None:
    app.config["ALLOWED_TARGETS"] = LOOPBACK
    id = make_webhook(url=f"http://127.0.0.1:{free_port()}/").id
    text = admin.post(f"/admin/webhooks/{id}/why-nothing").text
    assert "It takes no connections" in text
    assert "It takes connections" not in text


def test_an_endpoint_that_refuses_whoever_shows_no_certificate_is_no_problem_of_a_webhook_that_has_one(
    admin: FlaskClient, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["ALLOWED_TARGETS"] = LOOPBACK
    authority = Authority()
    (tmp_path / "authority.pem").write_text(authority.pem)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    pair = seal_pair(Pair(*authority.sign("ada")), None)
    with asking(authority, tmp_path, ssl.TLSVersion.TLSv1_2) as endpoint:
        id = make_webhook(url=endpoint.url, client_certificate=pair).id
        text = admin.post(f"/admin/webhooks/{id}/why-nothing").text
    assert "It refused a connection without a client certificate" in text


@pytest.mark.parametrize(
    ("url", "format", "check"),
    [
        ("https://discord.com/api/webhooks/1/x", "discord", None),
        ("https://discord.com/api/webhooks/1/x/github", "discord", ("failed", "Its URL and its format don't fit")),
        ("https://discord.com/api/webhooks/1/x/slack", "discord", ("failed", "Its URL and its format don't fit")),
        ("https://discord.com/api/webhooks/1/x/slack", "slack", ("pending", "Its URL and its format may not fit")),
        ("https://hooks.slack.com/triggers/T1/2/3", "slack", ("failed", "Its URL and its format don't fit")),
        ("https://prod-1.westeurope.logic.azure.com/x", "teams", None),
        ("https://prod-1.westeurope.logic.azure.com/x", "json", ("pending", "Its URL and its format may not fit")),
    ],
)
def test_a_service_that_takes_what_it_cant_read_is_named(
    admin: FlaskClient, url: str, format: str, check: tuple[str, str] | None
) -> None:
    """Such a service answers 200, 202 or 204, and shows nothing."""
    webhook = make_webhook(url=url, format=format)
    make_delivery(webhook, status="delivered", response_code=204)
    checks = all_checks(admin, webhook.id)
    assert [found for found in checks if "its format" in found[1]] == ([check] if check else [])


def test_the_note_about_attempts_that_failed_has_a_title_of_its_own(admin: FlaskClient) -> None:
    id = make_webhook().id
    happen()
    for succeeded, count in ((True, 7), (False, 3)):
        db.session.add(Stats(webhook_id=id, hour=this_hour(), succeeded=succeeded, duration_bucket_ms=100, count=count))
    db.session.commit()
    checks = all_checks(admin, id)
    assert ("pending", "The endpoint doesn't accept all of them") in checks
    assert ("success", "The endpoint accepts them") not in checks


def test_behind_a_proxy_the_page_says_that_it_cannot_tell(admin: FlaskClient, app: Flask) -> None:
    app.config["EGRESS_PROXY"] = "http://proxy.example.com:3128"
    text = admin.post(f"/admin/webhooks/{make_webhook().id}/why-nothing").text
    assert "Deliveries go through a proxy" in text


def test_a_lost_secret_is_named(admin: FlaskClient) -> None:
    id = make_unreadable_webhook(unreadable_at=utcnow()).id
    happen()
    assert problems(admin, id) == ["Its secret can't be decrypted, so its deliveries wait"]


def test_an_empty_log_of_a_webhook_leads_there(admin: FlaskClient) -> None:
    id = make_webhook().id
    assert f"/admin/webhooks/{id}/why-nothing" in admin.get(f"/admin/webhook-deliveries?webhook={id}").text
