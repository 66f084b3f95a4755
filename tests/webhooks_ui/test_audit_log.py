import re

import pytest

from webhooks_ui import audit
from webhooks_ui.extensions import db

LOG = "/admin/audit-log"


def shown(client, **filters):
    page = client.get(LOG, query_string=filters)
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'<tr id="audit-(\d+)"', page.text)]


@pytest.fixture
def entries(app):
    audit.record("webhook.updated", "webhook", 1, "<b>Orders</b>", {"url": "a", "name": "x"}, {"url": "b", "name": "x"})
    audit.record("api_key.revoked", "api_key", 2, "Platform", actor="eva@example.com")
    audit.record("webhook.deleted", "webhook", 2, "Billing", actor="key km_12345678")
    db.session.commit()


@pytest.mark.usefixtures("entries")
def test_entries_are_listed_newest_first_with_what_changed(admin):
    page = admin.get(LOG).text
    assert shown(admin) == [3, 2, 1]
    for text in ("eva@example.com", "webhook.updated", "&lt;b&gt;Orders&lt;/b&gt;", "1 field"):
        assert text in page


@pytest.mark.usefixtures("entries")
def test_filters_by_actor_action_and_object(admin):
    assert shown(admin, actor="EVA") == [2]
    assert shown(admin, action="webhook") == [3, 1]
    assert shown(admin, object_type="webhook", object_id="2") == [3]
    assert shown(admin, actor="_") == [3]
    assert "No entries match" in admin.get(LOG, query_string={"actor": "nobody"}).text


def test_pages_follow_each_other(admin):
    for number in range(120):
        audit.record("webhook.updated", "webhook", number)
    db.session.commit()
    seen, cursor = [], ""
    while cursor is not None:
        page = admin.get(LOG, query_string={"cursor": cursor}).text
        seen += [int(number) for number in re.findall(r'<tr id="audit-(\d+)"', page)]
        older = re.search(r'id="audit-older" href="[^"]*cursor=(\d+)', page)
        cursor = older[1] if older else None
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "\x00", "'", "٣"])
def test_nonsense_counts_as_not_given(admin, value):
    for name in ("cursor", "object_type", "object_id", "actor", "action"):
        assert admin.get(LOG, query_string={name: value}).status_code == 200


def test_an_empty_log_says_so(admin):
    assert "Nothing was changed yet" in admin.get(LOG).text


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_may_see_it(sign_in, role):
    assert sign_in(role).get(LOG).status_code == 403
