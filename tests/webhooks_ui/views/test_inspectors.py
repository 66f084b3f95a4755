"""The inspector: somebody's private URL, its page, and what the page says of a request."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from standardwebhooks import Webhook as Standard

from tests.support.factories import lost_secret, make_delivery, make_event, make_user, make_webhook, older_secret
from tests.support.http import HTMX
from tests.support.people import start_session
from tests.webhooks_ui.views.webhooks.read_back import recorded_actions
from webhooks_ui.database import db
from webhooks_ui.models import InspectedRequest, Inspector, secret_box, utcnow

SignIn = Callable[[str], FlaskClient]
PAGE = "/admin/inspector"
BODY = b'{"id": "evt_1", "data": {"n": 1}}'


@pytest.fixture
def inspector(admin: FlaskClient) -> Inspector:
    """An inspector of the admin."""
    assert admin.post(PAGE, data={"name": "Mine"}).status_code == 303
    db.session.rollback()
    found: Inspector = db.session.scalars(db.select(Inspector)).one()
    return found


def address(inspector: Inspector) -> str:
    return f"/inspect/{inspector.token}"


def page_of(inspector: Inspector) -> str:
    return f"{PAGE}/{inspector.id}"


def signed(secret: str, body: bytes = BODY, event_id: str = "evt_1") -> dict[str, str]:
    """Return the headers that the reference implementation of Standard Webhooks signs with."""
    now = utcnow()
    signature = Standard(secret).sign(event_id, now, body.decode())
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def shown(text: str) -> str:
    """Return the words of a page, without its marks."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def pointing_webhook(inspector: Inspector, **fields: object) -> str:
    """Make a webhook that sends to the inspector. Return its secret."""
    secret = secret_box.generate()
    make_webhook(url=f"https://portal.example.com{address(inspector)}", secret=secret, **fields)
    return secret


def test_an_inspector_is_created_once_by_a_button_and_named_by_itself(admin: FlaskClient) -> None:
    for _ in range(2):
        answer = admin.post(PAGE, data={"name": "", "form_token": "a" * 22})
        assert answer.headers["Location"] == f"{PAGE}/1"
    admin.post(PAGE)
    db.session.rollback()
    assert db.session.scalars(db.select(Inspector.name).order_by(Inspector.id)).all() == ["Inspector 1", "Inspector 2"]
    assert recorded_actions() == ["inspector.created"] * 2
    assert "Inspector 2" in admin.get(PAGE).text


def test_a_person_has_ten_at_most(admin: FlaskClient) -> None:
    for _ in range(10):
        assert admin.post(PAGE).status_code == 303
    answer = admin.post(PAGE)
    assert answer.status_code == 422
    assert "You have 10 inspectors, which is the most. Delete one first." in answer.text
    db.session.rollback()
    assert db.session.scalar(db.select(db.func.count(Inspector.id))) == 10


def test_its_page_shows_the_url_at_the_address_of_the_product(
    app: Flask, inspector: Inspector, admin: FlaskClient
) -> None:
    assert f"http://localhost{address(inspector)}</textarea>" in admin.get(page_of(inspector)).text
    app.config["LINKED_PORTAL"] = "https://portal.example.com/hooks"
    assert f"https://portal.example.com/hooks{address(inspector)}</textarea>" in admin.get(page_of(inspector)).text


def test_the_form_for_a_webhook_begins_with_the_url(inspector: Inspector, admin: FlaskClient) -> None:
    link = f"/admin/webhooks/new?inspector={inspector.id}"
    assert link in admin.get(page_of(inspector)).text
    form = admin.get(link).text
    assert f'value="http://localhost{address(inspector)}"' in form
    assert 'value="Mine"' in form
    assert admin.get("/admin/webhooks/new?inspector=99").status_code == 404


def test_nobody_else_sees_it(inspector: Inspector, sign_in: SignIn) -> None:
    other = sign_in("super_admin")
    other.post(address(inspector), data=b"x")
    for path in ("", "/newer", "/delete", "/requests/1/body"):
        assert other.get(page_of(inspector) + path).status_code == 404
    for path in ("", "/clear", "/delete"):
        assert other.post(page_of(inspector) + path).status_code == 404
    assert other.get(f"/admin/webhooks/new?inspector={inspector.id}").status_code == 404
    assert "Mine" not in other.get(PAGE).text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("code", "418", "Choose a status from the list."),
        ("code", "", "Choose a status from the list."),
        ("delay_seconds", "16", "from 0 to 15"),
        ("delay_seconds", "x", "from 0 to 15"),
        ("delay_seconds", "", "from 0 to 15"),
        ("retry_after_seconds", "-1", "from 0 to 86,400"),
        ("name", " ", "Give the inspector a name."),
        ("name", "x" * 61, "at most 60 characters"),
        ("body", "x" * 1_001, "at most 1,000 characters"),
        ("body", "a\0b", "control characters"),
    ],
)
def test_a_wrong_answer_is_refused_at_its_field(
    inspector: Inspector, admin: FlaskClient, field: str, value: str, message: str
) -> None:
    good = {"name": "Mine", "code": "500", "delay_seconds": "0", "retry_after_seconds": "", "body": ""}
    answer = admin.post(page_of(inspector), data=good | {field: value})
    assert answer.status_code == 422
    error = re.search(rf'id="{field}-error".*?<span>(.*?)</span>', answer.text, re.S)
    assert error
    assert message in html.unescape(error[1])
    db.session.rollback()
    assert db.session.get_one(Inspector, inspector.id).code == 200


def test_a_request_is_shown_whole(inspector: Inspector, admin: FlaskClient) -> None:
    admin.put(f"{address(inspector)}?from=shop", data=b'{"a":"<b>"}', headers={"X-Own": "one"})
    page = admin.get(page_of(inspector)).text
    for text in ("PUT request", "from=shop", "X-Own: one", '{"a":"<b>"}', "127.0.0.1", "200 OK", "11 bytes"):
        assert text in shown(page), text
    assert "<b>" not in page.partition('id="received-raw"')[2].partition("</pre>")[0]


def test_the_body_is_downloaded_as_it_came(inspector: Inspector, admin: FlaskClient) -> None:
    body = bytes(range(256))
    admin.post(address(inspector), data=body)
    answer = admin.get(f"{page_of(inspector)}/requests/1/body")
    assert answer.data == body
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert admin.get(f"{page_of(inspector)}/requests/2/body").status_code == 404


def test_a_signature_is_verified_with_any_secret_that_signs_at_present(
    inspector: Inspector, admin: FlaskClient
) -> None:
    older, wrong = secret_box.generate(), secret_box.generate()
    newest = pointing_webhook(inspector, older_secrets=[older_secret(timedelta(hours=1), older)])
    for secret in (newest, older):
        admin.post(address(inspector), data=BODY, headers=signed(secret))
        page = shown(admin.get(page_of(inspector)).text)
        assert "Signature invalid" not in page
        assert "These are the bytes that were signed" in page
    admin.post(address(inspector), data=BODY, headers=signed(wrong))
    page = shown(admin.get(page_of(inspector)).text)
    assert "Signature invalid" in page
    assert "Checked with the secret of Orders" in page
    assert "The secret may belong to another webhook" in page


def test_what_cannot_be_verified_says_why(inspector: Inspector, admin: FlaskClient) -> None:
    admin.post(address(inspector), data=BODY, headers=signed(secret_box.generate()))
    assert "No webhook sends to this URL" in shown(admin.get(page_of(inspector)).text)
    secret = pointing_webhook(inspector)
    admin.post(address(inspector), data=BODY)
    assert "webhook-timestamp and webhook-signature are missing" in shown(admin.get(page_of(inspector)).text)
    large = b'"' + b"x" * 300_000 + b'"'
    admin.post(address(inspector), data=large, headers=signed(secret, large))
    page = shown(admin.get(page_of(inspector)).text)
    assert "Only a part of the body is kept" in page
    assert "300,002 bytes, of which the first 262,144 are kept" in page
    db.session.rollback()
    db.session.execute(db.update(InspectedRequest).values(head_encrypted=lost_secret()))
    db.session.commit()
    assert "None of ENCRYPTION_KEYS can decrypt the headers" in shown(admin.get(page_of(inspector)).text)


def test_a_webhook_whose_secret_is_lost_does_not_break_the_page(inspector: Inspector, admin: FlaskClient) -> None:
    pointing_webhook(inspector, secret_encrypted=lost_secret())
    db.session.execute(db.text("UPDATE webhooks SET secret_encrypted = :lost"), {"lost": lost_secret()})
    db.session.commit()
    admin.post(address(inspector), data=BODY, headers=signed(secret_box.generate()))
    assert "no secret to verify with" in shown(admin.get(page_of(inspector)).text)


def test_a_request_leads_to_its_delivery_or_its_event(inspector: Inspector, admin: FlaskClient) -> None:
    event = make_event()
    admin.post(address(inspector), data=BODY, headers={"webhook-id": event.public_id})
    assert f'href="/admin/events/{event.id}"' in admin.get(page_of(inspector)).text
    pointing_webhook(inspector)
    webhook = make_webhook(url=f"https://other.example.com{address(inspector)}", name="Second")
    delivery = make_delivery(webhook)
    admin.post(
        address(inspector), data=BODY, headers={"webhook-id": delivery.event.public_id, "X-Webhook-Attempt": "2"}
    )
    page = admin.get(page_of(inspector)).text
    assert "attempt 2" in page
    assert re.search(r'href="/admin/webhook-deliveries/\d+">Delivery', page)


def test_newer_requests_are_polled_for(inspector: Inspector, admin: FlaskClient) -> None:
    newer = f"{page_of(inspector)}/newer"
    assert admin.get(f"{newer}?than=0", headers=HTMX).status_code == 204
    admin.post(address(inspector), data=b"first")
    first = admin.get(f"{newer}?than=0", headers=HTMX)
    assert first.headers["HX-Retarget"] == "#inspected"
    assert f'hx-get="{newer}?than=1"' in first.text
    assert admin.get(f"{newer}?than=1", headers=HTMX).status_code == 204
    for _ in range(2):
        admin.post(address(inspector), data=b"more")
    more = admin.get(f"{newer}?than=1", headers=HTMX).text
    assert 'hx-swap-oob="afterbegin:#requests"' in more
    assert re.findall(r'<li id="received-(\d+)"', more) == ["3", "2"]
    assert f'hx-get="{newer}?than=3"' in more
    assert "2 new requests" in more


def test_a_chosen_request_is_shown_and_marked(inspector: Inspector, admin: FlaskClient) -> None:
    for body in (b"first", b"second", b"third"):
        admin.post(address(inspector), data=body)
    page = admin.get(f"{page_of(inspector)}?request=1").text
    assert "first" in page.partition('id="received-raw"')[2]
    assert re.search(r'id="show-1"[^>]*aria-current', page)
    answer = admin.get(f"{page_of(inspector)}?request=2&was=1", headers=HTMX).text
    assert "second" in answer.partition('id="received-raw"')[2]
    assert re.search(r'id="show-2"[^>]*aria-current', answer)
    assert not re.search(r'id="show-1"[^>]*aria-current', answer)
    assert admin.get(f"{page_of(inspector)}?request=9", headers=HTMX).status_code == 404
    gone = admin.get(f"{page_of(inspector)}?request=9")
    assert gone.status_code == 200
    assert "isn't kept any more" in gone.text


def test_ids_do_not_come_again_after_the_requests_were_deleted(inspector: Inspector, admin: FlaskClient) -> None:
    assert "Clear requests" not in admin.get(page_of(inspector)).text
    admin.post(address(inspector))
    assert "Clear requests" in admin.get(f"{page_of(inspector)}/newer?than=0", headers=HTMX).text
    admin.post(f"{page_of(inspector)}/clear")
    assert "Waiting for the first request" in admin.get(page_of(inspector)).text
    admin.post(address(inspector))
    answer = admin.get(f"{page_of(inspector)}/newer?than=1", headers=HTMX)
    assert 'id="received-2"' in answer.text


def test_deleting_ends_its_url_and_its_requests(inspector: Inspector, admin: FlaskClient) -> None:
    admin.post(address(inspector))
    pointing_webhook(inspector)
    question = shown(admin.get(f"{page_of(inspector)}/delete").text)
    assert "These webhooks send to it. Their deliveries will fail: Orders" in question
    assert admin.post(f"{page_of(inspector)}/delete").headers["Location"] == PAGE
    assert admin.post(address(inspector)).status_code == 404
    db.session.rollback()
    assert db.session.scalar(db.select(db.func.count(InspectedRequest.id))) == 0
    assert recorded_actions() == ["inspector.created", "inspector.deleted"]
    assert "Inspector: created" in admin.get("/admin/audit-log").text


def test_it_ends_a_week_after_its_owner_last_looked_at_it(inspector: Inspector, client: FlaskClient) -> None:
    user = make_user("eva@example.com")
    db.session.execute(db.update(Inspector).values(user_id=user.id))
    db.session.commit()
    path, page = address(inspector), page_of(inspector)
    begun = utcnow()
    with time_machine.travel(begun + timedelta(days=5)):
        start_session(client, user)
        assert client.get(page).status_code == 200
    with time_machine.travel(begun + timedelta(days=11)):
        assert client.post(path).status_code == 200
        start_session(client, user)
        client.get(f"{page}/newer?than=0", headers=HTMX)  # an open page that nobody looks at
    with time_machine.travel(begun + timedelta(days=12, minutes=1)):
        assert client.post(path).status_code == 404
        start_session(client, user)
        assert client.get(page).status_code == 404


def test_the_page_says_if_no_delivery_may_go_there(app: Flask, inspector: Inspector, admin: FlaskClient) -> None:
    assert "No delivery may go" not in admin.get(page_of(inspector)).text
    app.config["ALLOWED_TARGETS"] = ()
    page = shown(admin.get(page_of(inspector)).text)
    assert "No delivery may go to this URL. The URL leads to a private or reserved address." in page
    assert "ALLOWED_TARGETS" in page
