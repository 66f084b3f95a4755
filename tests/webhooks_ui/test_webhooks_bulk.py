"""One change to several webhooks."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import make_webhook
from webhooks_ui.extensions import db
from webhooks_ui.models import AuditEntry, Webhook


def bulk(client: FlaskClient, **fields: Any) -> Any:
    return client.post("/admin/webhooks/bulk", data=fields)


def states() -> list[tuple[bool, bool]]:
    """Of each webhook: whether it is active, and whether it is still there."""
    db.session.expire_all()
    return [(w.active, w.deleted_at is None) for w in db.session.scalars(db.select(Webhook).order_by(Webhook.id))]


def test_a_bulk_change_is_counted_first(admin: FlaskClient) -> None:
    ids = [make_webhook(name=name).id for name in ("Billing", "Support", "Other")]
    answer = bulk(admin, action="deactivate", webhook=ids[:2])
    assert answer.status_code == 200
    assert "Deactivate 2 webhooks?" in answer.text
    assert "Billing" in answer.text
    assert "Other" not in answer.text
    assert re.findall(r'name="webhook" value="(\d+)"', answer.text) == [str(number) for number in ids[:2]]
    assert states() == [(True, True)] * 3


@pytest.mark.parametrize(
    ("action", "state"), [("activate", (True, True)), ("deactivate", (False, True)), ("delete", (False, False))]
)
def test_a_confirmed_change_is_made_and_recorded_for_each(
    admin: FlaskClient, action: str, state: tuple[bool, bool]
) -> None:
    webhooks = [make_webhook(active=action != "activate") for _ in range(2)]
    answer = bulk(admin, action=action, webhook=[webhook.id for webhook in webhooks], confirmed="true")
    assert answer.status_code == 303
    assert states() == [state] * 2
    assert len(db.session.scalars(db.select(AuditEntry)).all()) == 2
    assert "2 webhooks are" in admin.get("/admin/webhooks").text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": "explode", "webhook": "1"},
        {"action": "delete"},
        {"action": "delete", "webhook": ["abc", "-1", "999", "9" * 30]},
    ],
)
def test_nonsense_is_refused_with_a_sentence(admin: FlaskClient, fields: dict[str, Any]) -> None:
    make_webhook()
    answer = bulk(admin, **fields, confirmed="true")
    assert answer.status_code == 422
    assert "be activate, deactivate or delete" in answer.text or "Choose at least one" in answer.text
    assert states() == [(True, True)]


def test_what_is_gone_meanwhile_is_passed_over(admin: FlaskClient) -> None:
    gone, there = make_webhook(), make_webhook()
    admin.post(f"/admin/webhooks/{gone.id}/delete")
    assert "Delete 1 webhook?" in bulk(admin, action="delete", webhook=[gone.id, there.id]).text


def test_an_operator_may_change_no_more_than_one(sign_in: Any) -> None:
    webhook = make_webhook()
    client = sign_in("operator")
    assert bulk(client, action="deactivate", webhook=webhook.id, confirmed="true").status_code == 403
    assert "webhook-bulk" not in client.get("/admin/webhooks").text
