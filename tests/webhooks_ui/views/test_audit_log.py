"""The audit log."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from tests.support.factories import make_api_key, make_delivery, make_webhook
from webhooks_ui import audit
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, BulkAction, utcnow
from webhooks_ui.views.audit_log.entries import PROBLEMS
from webhooks_ui.views.audit_log.words import ACTIONS
from webhooks_ui.webhooks import changes

SignIn = Callable[[str], FlaskClient]


LOG = "/admin/audit-log"

DAY = timedelta(days=1)
OLD_URL = "https://a.example/hooks/token"


def shown(client: FlaskClient, **filters: str) -> list[int]:
    page = client.get(LOG, query_string=filters)
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="audit-(\d+)"', page.text)]


def row(client: FlaskClient, number: int) -> tuple[str, list[str]]:
    """Return the text of an entry's row, and its links."""
    html = client.get(LOG).text.partition(f'<tr id="audit-{number}"')[2].partition("</tr>")[0]
    html = html.replace("<wbr>", "")
    text = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition(">")[2])))
    return text, re.findall(r'href="([^"]+)"', html)


@pytest.fixture
def entries(app: Flask) -> None:
    audit.record(
        "webhook.updated",
        "webhook",
        1,
        "<b>Orders</b>",
        {"url": OLD_URL, "name": "x"},
        {"url": "https://b.example", "name": "x"},
    )
    audit.act_as("eva@example.com")
    audit.record("api_key.revoked", "api_key", 2, "Platform")
    audit.act_as("key km_12345678")
    audit.record("webhook.deleted", "webhook", 2, "Billing")
    db.session.commit()
    g.pop("actor")


@pytest.mark.usefixtures("entries")
def test_entries_are_listed_newest_first_with_what_changed(admin: FlaskClient) -> None:
    page = admin.get(LOG).text
    assert shown(admin) == [3, 2, 1]
    assert "&lt;b&gt;Orders&lt;/b&gt;" in page
    assert (
        "Edited Webhook 1 <b>Orders</b> URL https://a.example/hooks/… → changed to https://b.example"
        in row(admin, 1)[0]
    )
    assert "eva@example.com Revoked API key 2 Platform" in row(admin, 2)[0]


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("actor", "\0", "�"),
        ("actor", "key" * 67, "keykey"),
        ("action", "\0", "�"),
        ("object_type", "<mars>", "<mars>"),
        ("object_id", "<mars>", "<mars>"),
    ],
)
def test_a_filter_that_is_not_understood_is_told_and_left_out(
    admin: FlaskClient, name: str, value: str, told: str
) -> None:
    others = {"actor": "key", "action": "deleted"}
    others.pop(name, None)
    answer = admin.get(LOG, query_string=others | {name: value})
    note = unescape(answer.text.split('id="wrong-filters"')[1].split("</p>")[0])
    assert f"“{told}" in note
    assert PROBLEMS[name] in note
    assert shown(admin, **others, **{name: value}) == shown(admin, **others) != []


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("cursor", ["x", "-1", "\0"])
def test_an_address_of_no_page_says_so_and_shows_the_first_one(admin: FlaskClient, cursor: str) -> None:
    assert "This is the first page." in admin.get(LOG, query_string={"cursor": cursor}).text
    assert shown(admin, cursor=cursor) == shown(admin)
    assert "This is the first page." not in admin.get(LOG, query_string={"cursor": "3"}).text


def test_of_lists_it_says_what_came_and_what_went(admin: FlaskClient) -> None:
    before = {"event_types": ["license.created", "license.deleted", "license.updated"], "retry_schedule": None}
    after = {"event_types": ["license.created", "product.created"], "retry_schedule": "long"}
    audit.record("webhook.updated", "webhook", 1, "Orders", before, after)
    db.session.commit()
    text, _ = row(admin, 1)
    assert "Added product.created Removed license.deleted , license.updated" in text
    assert "license.created ," not in text
    assert "Retry schedule same as in Settings → changed to long" in text


def test_roles_and_environments_are_written_as_on_other_pages(admin: FlaskClient) -> None:
    audit.record("user.role_changed", "user", 1, "Eva", {"role": "viewer"}, {"role": "super_admin"})
    roles = "second_factor_roles"
    audit.record("team.updated", "team", None, "", {roles: ["admin"]}, {roles: ["admin", "super_admin"]})
    audit.record("webhook.updated", "webhook", 1, "Orders", {"environment": "staging"}, {"environment": "production"})
    db.session.commit()
    assert "Role Viewer → changed to Super admin" in row(admin, 1)[0]
    assert "Roles that need a second factor Added Super admin" in row(admin, 2)[0]
    assert "Environment Staging → changed to Production" in row(admin, 3)[0]


def test_of_a_list_in_another_order_it_says_both(admin: FlaskClient) -> None:
    audit.record("settings.updated", "settings", None, "", {"addresses": ["a", "b"]}, {"addresses": ["b", "a"]})
    db.session.commit()
    assert "a, b → changed to b, a" in row(admin, 1)[0]


def test_many_fields_are_folded(admin: FlaskClient) -> None:
    webhook = make_webhook()
    audit.record("webhook.created", "webhook", webhook.id, "Orders", after=changes.fields_of(webhook))
    db.session.commit()
    text, _ = row(admin, 1)
    assert "19 fields" in text
    assert "Active yes" in text


def test_an_object_is_a_link_while_it_exists(admin: FlaskClient) -> None:
    webhook, (key, _) = make_webhook(), make_api_key()
    delivery = make_delivery(webhook)
    action = BulkAction(kind="retry", filters={}, actor="eva@example.com", start_id=0, end_id=9, place=4)
    db.session.add(action)
    db.session.flush()
    for type, id in (
        ("webhook", webhook.id),
        ("delivery", delivery.id),
        ("api_key", key.id),
        ("bulk_action", action.id),
    ):
        audit.record(f"{type}.touched", type, id)
    audit.record("settings.updated", "settings", None, "Webhooks")
    audit.record("user.created", "user", 1, "admin@example.com")
    audit.record("delivery.retried", "delivery", 999)
    audit.record("team.updated", "team", None)
    db.session.commit()
    assert [row(admin, number)[1] for number in range(1, 9)] == [
        [f"/admin/webhooks/{webhook.id}"],
        [f"/admin/webhook-deliveries/{delivery.id}"],
        [f"/admin/api-keys/{key.id}"],
        [f"/admin/bulk-actions/{action.id}"],
        ["/admin/settings/webhooks"],
        ["/admin/team/1"],
        [],
        ["/admin/team"],
    ]
    changes.delete(webhook)
    db.session.commit()
    assert row(admin, 1)[1] == []
    assert "Saved Settings" in row(admin, 5)[0]


def test_each_action_that_is_recorded_has_words(admin: FlaskClient) -> None:
    webhook = make_webhook()
    for active in ("false", "true"):
        admin.post(f"/admin/webhooks/{webhook.id}/active", data={"active": active})
    admin.post(f"/admin/webhooks/{webhook.id}/secret", data={"grace_hours": "24"})
    admin.get(f"/admin/webhooks/{webhook.id}/secret")
    admin.post(f"/admin/webhooks/{webhook.id}/test", data={"type": "license.created"})
    admin.post(f"/admin/webhooks/{webhook.id}/delete")
    key = {"name": "Platform", "environment": "production", "scopes": "events:write"}
    admin.post("/admin/api-keys", data=key)
    admin.post("/admin/api-keys/1/edit", data=key | {"name": "Portal", "rate_per_minute": "60"})
    admin.post("/admin/api-keys/1/roll", data={"overlap_hours": "24"})
    admin.post("/admin/api-keys/1/older/end")
    admin.post("/admin/api-keys/1/revoke")
    recorded = set(db.session.scalars(db.select(AuditEntry.action)))
    assert len(recorded) == 11
    assert recorded <= ACTIONS.keys()


@pytest.mark.usefixtures("entries")
def test_filters_by_actor_action_and_object(admin: FlaskClient) -> None:
    assert shown(admin, actor="EVA") == [2]
    assert shown(admin, action="webhook") == [3, 1]
    assert shown(admin, object_type="webhook", object_id="2") == [3]
    assert shown(admin, actor="_") == [3]
    assert (
        "Showing only Webhook 2. <a" in admin.get(LOG, query_string={"object_type": "webhook", "object_id": "2"}).text
    )
    assert "No entries match" in admin.get(LOG, query_string={"actor": "nobody"}).text


def test_an_action_that_is_no_option_stays_chosen(admin: FlaskClient) -> None:
    assert '<option value="webhook" selected>webhook</option>' in admin.get(f"{LOG}?action=webhook").text
    page = admin.get(f"{LOG}?action=api_key.revoked").text
    assert '<option value="api_key.revoked" selected>API key: revoked</option>' in page


def test_pages_follow_each_other(admin: FlaskClient) -> None:
    for number in range(120):
        audit.record("webhook.updated", "webhook", number)
    db.session.commit()
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.get(LOG, query_string={"cursor": cursor}).text
        seen += [int(number) for number in re.findall(r'<tr id="audit-(\d+)"', page)]
        older = re.search(r'id="audit-older" href="[^"]*cursor=(\d+)', page)
        cursor = older[1] if older else None
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "\x00", "'", "٣"])
def test_nonsense_counts_as_not_given(admin: FlaskClient, value: str) -> None:
    for name in ("cursor", "object_type", "object_id", "actor", "action"):
        assert admin.get(LOG, query_string={name: value}).status_code == 200


def test_an_empty_log_says_so(admin: FlaskClient) -> None:
    assert "No changes yet" in admin.get(LOG).text


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_it(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(LOG).status_code == 403


@pytest.mark.parametrize(
    ("action", "object", "fields"),
    [
        ("bulk_action.retry", "bulk_action", {"webhook": "7"}),
        ("bulk_action.send_missed", "bulk_action", {"webhook_id": 7}),
        ("delivery.exported", "delivery", {"webhook": "7"}),
        ("saved_filter.shared", "saved_filter", {"webhook": "7"}),
    ],
)
def test_filters_have_the_words_of_the_log(
    admin: FlaskClient, action: str, object: str, fields: dict[str, str | int]
) -> None:
    make_webhook(id=7, name="Billing")
    audit.record(action, object, 1, after={"q": "abc", "status": "with_failures", "code": "5xx"} | fields)
    db.session.commit()
    page = admin.get(LOG).text
    number = shown(admin)[0]
    page = page.partition(f'<tr id="audit-{number}"')[2].partition("</tr>")[0]
    pairs = re.findall(r"<dt>(.+?)</dt><dd>\s*<bdi>(.+?)</bdi>", page)
    assert dict(pairs) == {
        "Search": "abc",
        "Status": "With failures",
        "Response code": "5xx",
        "Webhook": "Billing",
    }


def test_a_webhook_that_is_gone_stays_a_number(admin: FlaskClient) -> None:
    audit.record("bulk_action.retry", "bulk_action", 1, after={"webhook": "7"})
    db.session.commit()
    assert "<bdi>number 7</bdi>" in admin.get(LOG).text


def test_each_entry_has_its_exact_time(admin: FlaskClient) -> None:
    audit.record("webhook.updated", "webhook", 1)
    db.session.add(
        AuditEntry(actor="a", action="webhook.updated", object_type="webhook", object_id=2, at=utcnow() - 3 * DAY)
    )
    db.session.commit()
    page = admin.get(LOG).text
    old, new = (page.partition(f'<tr id="audit-{number}"')[2].partition("</tr>")[0] for number in shown(admin)[:2])
    assert old.count('data-local="second"') == new.count('data-local="second"') == 1
    assert re.search(r"\d\d:\d\d:\d\d UTC</time>", new)
    assert "just now</time>" in new
    assert " ago</time>" not in old
