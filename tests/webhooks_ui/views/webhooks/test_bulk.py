"""One change to several webhooks."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.factories import make_delivery, make_webhook
from webhooks_ui.database import db
from webhooks_ui.models import AuditEntry, Webhook


def bulk(client: FlaskClient, **fields: Any) -> Any:
    return client.post("/admin/webhooks/bulk", data=fields)


def states() -> list[tuple[bool, bool]]:
    """Return for each webhook if it is active, and if it still exists."""
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


def test_the_boxes_of_the_list_have_names_of_their_own(admin: FlaskClient) -> None:
    ids = [make_webhook().id for _ in range(3)]
    answer = bulk(admin, action="deactivate", **{f"webhook-{id}": id for id in ids[:2]}, webhooks=ids[2])
    assert re.findall(r'name="webhook" value="(\d+)"', answer.text) == [str(id) for id in ids[:2]]


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
    assert re.search("2 webhooks (are (in)?active now|were deleted).", admin.get("/admin/webhooks").text)


def test_the_confirmation_says_what_happens_to_one(admin: FlaskClient) -> None:
    webhook = make_delivery().webhook
    assert "1 pending delivery waits until it is active again." in bulk(admin, action="deactivate", webhook=1).text
    page = bulk(admin, action="delete", webhook=webhook.id).text
    for sentence in (
        "Delete 1 webhook?",
        "sent to it.",
        "1 pending delivery is cancelled.",
        "The webhook can't be",
    ):
        assert sentence in page, sentence
    webhook.active = False
    db.session.commit()
    assert (
        "It is already inactive, so nothing changes for it."
        in bulk(admin, action="deactivate", webhook=webhook.id).text
    )


def test_the_confirmation_says_what_happens_to_several(admin: FlaskClient) -> None:
    webhook = make_delivery().webhook
    make_delivery(webhook)
    make_delivery(webhook, status="delivered")
    ids = [webhook.id, make_webhook(name="Off", active=False).id]
    for action, sentence in (
        ("activate", "1 is already active, so nothing changes for it."),
        ("activate", "2 pending deliveries may go out at once."),
        ("deactivate", "2 pending deliveries wait until they are active again."),
        ("delete", "2 pending deliveries are cancelled."),
        ("delete", "The webhooks can't be restored."),
    ):
        assert sentence in bulk(admin, action=action, webhook=ids).text, sentence


def test_the_way_back_leads_to_the_same_filters_and_page(admin: FlaskClient) -> None:
    for number in range(27):
        make_webhook(name=f"Hook {number}")
    form = admin.get("/admin/webhooks?q=hook&page=99").text.partition('id="webhook-bulk"')[2].partition("</form>")[0]
    assert 'name="next" value="/admin/webhooks?q=hook&amp;size=25&amp;page=2"' in form
    here = "/admin/webhooks?q=hook&page=2"
    page = bulk(admin, action="deactivate", webhook="1", next=here).text
    assert page.count('href="/admin/webhooks?q=hook&amp;page=2"') == 2  # back, and Cancel
    assert 'name="next" value="/admin/webhooks?q=hook&amp;page=2"' in page
    assert bulk(admin, action="deactivate", webhook="1", confirmed="true", next=here).headers["Location"] == here
    elsewhere = bulk(admin, action="deactivate", webhook="1", confirmed="true", next="https://evil.example/")
    assert elsewhere.headers["Location"] == "/admin/webhooks"


def test_asking_for_the_confirmation_by_its_address_leads_to_the_list(admin: FlaskClient) -> None:
    answer = admin.get("/admin/webhooks/bulk")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks")


@pytest.mark.parametrize("action", ["", "explode"])
def test_an_unknown_action_is_refused_with_a_sentence(admin: FlaskClient, action: str) -> None:
    answer = bulk(admin, action=action, webhook=make_webhook().id, confirmed="true")
    assert answer.status_code == 422
    assert "be activate, deactivate or delete" in answer.text
    assert states() == [(True, True)]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([], "No webhook was selected. Select at least one, then press Delete."),
        (["abc", "-1", "999", "9" * 30], "None of the selected webhooks exists any more. Select at least one"),
    ],
)
def test_an_empty_choice_leads_back_and_says_what_to_do(admin: FlaskClient, ids: list[str], sentence: str) -> None:
    make_webhook()
    answer = bulk(admin, action="delete", webhook=ids, confirmed="true", next="/admin/webhooks?status=active")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/webhooks?status=active")
    assert sentence in admin.get("/admin/webhooks").text.partition('role="alert"')[2]
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


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "true"}])
def test_more_webhooks_than_fit_a_page_are_refused_and_none_is_left_out(
    admin: FlaskClient, confirmed: dict[str, str]
) -> None:
    first = make_webhook().id
    answer = bulk(admin, action="deactivate", webhook=[first] * 2 + list(range(first + 1, first + 101)), **confirmed)
    assert answer.status_code == 422
    assert "Nothing was changed, because 101 webhooks were selected. Select at most 100 at once." in answer.text
    assert states() == [(True, True)]
