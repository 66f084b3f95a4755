"""The API creates, lists, changes, tests and deletes webhooks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api import webhooks as webhook_views
from webhooks_ui.database import db, write_transaction, writing
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import AuditEntry, Delivery, Webhook, secret_box, utcnow

NEW = {"name": "Orders", "url": "https://93.184.215.14/hooks", "events": ["license.activated", "license.created"]}


def webhooks() -> Sequence[Webhook]:
    db.session.rollback()
    return db.session.scalars(db.select(Webhook).order_by(Webhook.id)).all()


def wrong_fields(response: TestResponse) -> list[str]:
    return [error["field"] for error in response.get_json()["errors"]]


def test_a_created_webhook_shows_its_secret_only_once(api: Api) -> None:
    response = api.post("/webhooks", json=NEW)
    assert response.status_code == 201
    (webhook,) = webhooks()
    assert response.get_json()["secret"] == webhook.secret
    assert (webhook.environment, webhook.active, webhook.event_types) == ("production", True, NEW["events"])
    shown = api.client.get(response.headers["Location"], headers=api.headers)
    assert shown.get_json() == {name: value for name, value in response.get_json().items() if name != "secret"}
    (entry,) = db.session.scalars(db.select(AuditEntry)).all()
    assert entry.action == "webhook.created"
    assert entry.actor.startswith("key km_")


def test_a_field_that_only_answers_have_is_said_to_be_read_only(api: Api) -> None:
    webhook = api.post("/webhooks", json=NEW).get_json()
    address = f"/webhooks/{webhook['id']}"
    read = api.get(address).get_json()
    answer = api.patch(address, json=read | {"name": "Other", "nonsense": 1})
    assert answer.status_code == 422
    messages = {error["field"]: error["message"] for error in answer.get_json()["errors"]}
    assert messages.pop("nonsense").startswith("This field is unknown. A webhook has name, url,")
    assert set(messages.values()) == {"This field is read only. Leave it out."}
    assert messages.keys() >= {"id", "health", "created_at"}
    settable = {name: value for name, value in read.items() if name not in messages}
    assert api.patch(address, json=settable | {"name": "Other"}).get_json()["name"] == "Other"


def test_the_caller_can_set_the_secret(api: Api) -> None:
    secret = secret_box.generate()
    assert api.post("/webhooks", json=NEW | {"secret": secret}).get_json()["secret"] == secret


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": "n" * 101}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"name": "half \ud800"}, ["name"]),
        ({"name": "nul \x00"}, ["name"]),
        ({"name": "\u202egnp.exe"}, ["name"]),
        ({"name": "\u2066Orders\u2069"}, ["name"]),
        ({"url": "http://93.184.215.14/"}, ["url"]),
        ({"url": "https://10.0.0.1/"}, ["url"]),
        ({"url": "https://256.256.256.256/"}, ["url"]),
        ({"url": "https://1.2.3.4.5/"}, ["url"]),
        ({"url": "https://user:pass@93.184.215.14/"}, ["url"]),
        ({"url": None}, ["url"]),
        ({"events": []}, ["events"]),
        ({"events": ["license.stolen"]}, ["events"]),
        ({"events": "license.created"}, ["events"]),
        ({"events": [1]}, ["events"]),
        ({"active": "yes"}, ["active"]),
        ({"active": 1}, ["active"]),
        ({"secret": "whsec_short"}, ["secret"]),
        ({"format": "xml"}, ["format"]),
        ({"environment": "staging"}, ["environment"]),
        ({"descripton": "x"}, ["descripton"]),
        ({"id": 7}, ["id"]),
        ({"name": "", "events": [], "active": None}, ["active", "name", "events"]),
    ],
)
def test_a_wrong_field_gets_422_on_creation_and_on_change(
    api: Api, changes: dict[str, object], fields: list[str]
) -> None:
    response = api.post("/webhooks", json=NEW | changes)
    assert (response.status_code, sorted(wrong_fields(response))) == (422, sorted(fields))
    assert webhooks() == []
    webhook = make_webhook()
    response = api.patch(f"/webhooks/{webhook.id}", json=changes)
    assert (response.status_code, sorted(wrong_fields(response))) == (422, sorted(fields))
    assert webhooks()[0].version == 1


@pytest.mark.parametrize("body", [[], None, "text", 1])
def test_a_webhook_that_is_not_an_object_gets_422(api: Api, body: object) -> None:
    assert api.post("/webhooks", data="null" if body is None else None, json=body).status_code == 422


def test_missing_fields_are_named(api: Api) -> None:
    assert wrong_fields(api.post("/webhooks", json={})) == ["name", "url", "events"]


def test_the_list_has_pages_and_shows_only_the_environment_of_the_key(api: Api) -> None:
    for number in range(5):
        make_webhook(name=f"Number {number}")
    make_webhook(environment="staging")
    make_webhook(deleted_at=webhooks()[0].created_at)
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"/webhooks?limit=2{cursor and f'&cursor={cursor}'}").get_json()
        names += [webhook["name"] for webhook in page["data"]]
        cursor = page["next_cursor"]
    assert names == [f"Number {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=²", "cursor=-1", "cursor=x", "page=2"])
def test_an_invalid_parameter_gets_422(api: Api, query: str) -> None:
    response = api.get(f"/webhooks?{query}")
    assert (response.status_code, wrong_fields(response)) == (422, [query.partition("=")[0]])


def test_only_the_fields_that_are_sent_change(api: Api) -> None:
    webhook = make_webhook(name="Before", url="https://10.0.0.1/old")
    response = api.patch(
        f"/webhooks/{webhook.id}", json={"name": "After", "active": False, "events": ["product.created"]}
    )
    assert response.status_code == 200
    (stored,) = webhooks()
    assert (stored.name, stored.active, stored.url) == ("After", False, "https://10.0.0.1/old")
    assert (response.get_json()["events"], response.get_json()["version"]) == (["product.created"], 2)


def test_an_outdated_version_gets_409(api: Api) -> None:
    webhook = make_webhook()
    assert api.patch(f"/webhooks/{webhook.id}", json={"name": "A", "version": 1}).status_code == 200
    response = api.patch(f"/webhooks/{webhook.id}", json={"name": "B", "version": 1})
    assert (response.status_code, wrong_fields(response)) == (409, ["version"])
    assert webhooks()[0].name == "A"
    assert api.patch(f"/webhooks/{webhook.id}", json={"version": "1"}).status_code == 422


def test_an_answer_has_what_the_request_made_even_if_another_one_follows_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id, secret = make_webhook(name="Before").id, secret_box.generate()

    @contextmanager
    def with_another_after_it() -> Iterator[None]:
        with writing():
            yield
        theirs = {"name": "Theirs", "version": 9, "secret_encrypted": secret_box.encrypt(secret_box.generate())}
        with write_transaction() as connection:
            connection.execute(db.update(Webhook).values(**theirs, older_secrets=[]))

    monkeypatch.setattr(webhook_views, "writing", with_another_after_it)
    changed = api.patch(f"/webhooks/{webhook_id}", json={"name": "Mine"}).get_json()
    rotated = api.post(f"/webhooks/{webhook_id}/secret", json={"secret": secret, "grace_hours": 1}).get_json()
    assert (changed["name"], changed["version"]) == ("Mine", 2)
    assert (rotated["secret"], len(rotated["older_secrets"])) == (secret, 1)


def test_a_new_secret_replaces_the_old_one_and_is_not_shown(api: Api) -> None:
    webhook, secret = make_webhook(), secret_box.generate()
    response = api.patch(f"/webhooks/{webhook.id}", json={"secret": secret})
    assert webhooks()[0].secret == secret
    assert secret not in response.text


def test_a_deleted_webhook_is_gone_and_its_pending_deliveries_are_cancelled(api: Api) -> None:
    webhook = make_webhook()
    api.post("/events", json={"type": "license.activated", "data": {}})
    assert api.delete(f"/webhooks/{webhook.id}").status_code == 204
    assert api.get(f"/webhooks/{webhook.id}").status_code == 404
    assert db.session.scalars(db.select(Delivery.status)).all() == ["cancelled"]


def test_a_deletion_takes_no_fields_so_that_no_version_is_sent_in_vain(api: Api) -> None:
    webhook = make_webhook()
    older = api.post(f"/webhooks/{webhook.id}/secret", json={"grace_hours": 1}).get_json()["older_secrets"][0]
    for path in (f"/webhooks/{webhook.id}", f"/webhooks/{webhook.id}/older-secrets/{older['id']}"):
        refused = api.delete(path, json={"version": 1})
        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["field"] == "version"
    assert len(webhooks()[0].secrets_in_grace) == 1
    assert api.delete(f"/webhooks/{webhook.id}", json={}).status_code == 204


def test_a_webhook_of_another_environment_gets_404_for_everything(api: Api) -> None:
    webhook_id = make_webhook(environment="staging").id
    path = f"/webhooks/{webhook_id}"
    answers = [api.get(path), api.patch(path, json={"name": "x"}), api.delete(path), api.post(f"{path}/test")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert api.get(f"/webhooks/{2**63}").status_code == 404
    assert webhooks()[0].deleted_at is None


def test_a_test_event_is_sent_even_to_an_inactive_webhook(api: Api) -> None:
    webhook = make_webhook(active=False)
    response = api.post(f"/webhooks/{webhook.id}/test", json={"type": "product.created"})
    assert response.status_code == 202
    delivery = db.session.get_one(Delivery, response.get_json()["delivery_id"])
    assert (delivery.trigger, delivery.event_type, delivery.webhook_id) == ("test", "product.created", webhook.id)
    assert response.headers["Location"].endswith(f"/api/v1/deliveries/{delivery.id}")


def test_a_test_event_without_a_body_is_the_example_of_a_subscribed_type(api: Api) -> None:
    webhook = make_webhook(event_types=["telemetry.flagged"])
    delivery_id = api.post(f"/webhooks/{webhook.id}/test").get_json()["delivery_id"]
    body = api.get(f"/deliveries/{delivery_id}").get_json()["body"]
    assert EVENT_TYPES["telemetry.flagged"].example["data_group"] in body


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"type": "x"}, ["type"]),
        ({"type": []}, ["type"]),
        ({"data": 1}, ["data"]),
        ({"id": "evt_1"}, ["id"]),
        ([], [""]),
    ],
)
def test_a_wrong_test_event_gets_422_and_sends_nothing(api: Api, body: object, fields: list[str]) -> None:
    response = api.post(f"/webhooks/{make_webhook().id}/test", json=body)
    assert (response.status_code, wrong_fields(response)) == (422, fields)
    assert db.session.scalars(db.select(Delivery.id)).all() == []


def test_a_secret_is_rotated_with_a_grace_period_and_the_older_one_ended(api: Api) -> None:
    webhook = make_webhook()
    old = webhook.secret
    rotated = api.post(f"/webhooks/{webhook.id}/secret", json={"grace_hours": 24})
    assert rotated.status_code == 200
    answer = rotated.get_json()
    assert answer["secret"] not in ("", old)
    (older,) = answer["older_secrets"]
    assert api.get(f"/webhooks/{webhook.id}").get_json()["older_secrets"] == [older]
    assert "secret" not in api.get(f"/webhooks/{webhook.id}").get_json()
    assert api.delete(f"/webhooks/{webhook.id}/older-secrets/{older['id']}").status_code == 204
    assert api.delete(f"/webhooks/{webhook.id}/older-secrets/{older['id']}").status_code == 404
    assert api.get(f"/webhooks/{webhook.id}").get_json()["older_secrets"] == []


def test_a_fourth_secret_in_grace_is_refused_and_nothing_changes(api: Api) -> None:
    webhook = make_webhook()
    for _ in range(3):
        last = api.post(f"/webhooks/{webhook.id}/secret", json={"grace_hours": 1}).get_json()
    refused = api.post(f"/webhooks/{webhook.id}/secret", json={"grace_hours": 1})
    assert refused.status_code == 409
    assert "End one of them first" in refused.get_json()["detail"]
    assert len(api.get(f"/webhooks/{webhook.id}").get_json()["older_secrets"]) == 3
    at_once = api.post(f"/webhooks/{webhook.id}/secret")
    assert at_once.get_json()["secret"] != last["secret"]
    assert len(at_once.get_json()["older_secrets"]) == 3


def test_a_rotation_that_is_sent_again_changes_nothing(api: Api) -> None:
    """The answer to the first request may have been lost. An older secret would be taken up each time."""
    webhook, secret = make_webhook(), secret_box.generate()
    body = {"secret": secret, "grace_hours": 24}
    answers = [api.post(f"/webhooks/{webhook.id}/secret", json=body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all(answer.get_json() == answers[0].get_json() for answer in answers)
    assert len(answers[0].get_json()["older_secrets"]) == 1


@pytest.mark.parametrize("written", [" {}", "{}\n", "{}=", "\t{}==\r\n"])
def test_a_secret_is_stored_as_any_library_reads_it(api: Api, written: str) -> None:
    """A line end comes from a file, and Python takes more padding than others do."""
    webhook, secret = make_webhook(), f"whsec_{'MfKQ9r8G' * 4}"
    body = {"secret": written.format(secret), "grace_hours": 24}
    answers = [api.post(f"/webhooks/{webhook.id}/secret", json=body).get_json() for _ in range(2)]
    assert [answer["secret"] for answer in answers] == [secret, secret]
    assert len(answers[1]["older_secrets"]) == 1
    assert api.post("/webhooks", json=NEW | {"secret": body["secret"]}).get_json()["secret"] == secret
    api.patch(f"/webhooks/{webhook.id}", json={"secret": secret_box.generate()})
    api.patch(f"/webhooks/{webhook.id}", json={"secret": body["secret"]})
    assert api.get(f"/webhooks/{webhook.id}/secret").get_json()["secret"] == secret


def test_a_blank_secret_is_no_secret(api: Api) -> None:
    assert api.post(f"/webhooks/{make_webhook().id}/secret", json={"secret": " "}).get_json()["secret"] != " "


@pytest.mark.parametrize("grace_hours", [0, 24])
def test_an_older_secret_that_becomes_the_present_one_again_signs_once(api: Api, grace_hours: int) -> None:
    webhook, second = make_webhook(), secret_box.generate()
    first = webhook.secret
    api.post(f"/webhooks/{webhook.id}/secret", json={"secret": second, "grace_hours": 24})
    api.post(f"/webhooks/{webhook.id}/secret", json={"secret": first, "grace_hours": grace_hours})
    assert webhooks()[0].signing_secrets == [first, second][: 2 if grace_hours else 1]


def test_an_older_secret_can_become_the_present_one_while_three_are_in_grace(api: Api) -> None:
    webhook = make_webhook()
    first = webhook.secret
    for _ in range(3):
        api.post(f"/webhooks/{webhook.id}/secret", json={"grace_hours": 24})
    back = api.post(f"/webhooks/{webhook.id}/secret", json={"secret": first, "grace_hours": 24})
    assert back.status_code == 200, back.text
    signing = webhooks()[0].signing_secrets
    assert (signing[0], len(signing), len(set(signing))) == (first, 4, 4)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"grace_hours": -1}, "grace_hours"),
        ({"grace_hours": 169}, "grace_hours"),
        ({"grace_hours": "1"}, "grace_hours"),
        ({"grace_hours": True}, "grace_hours"),
        ({"secret": "whsec_short"}, "secret"),
        ({"secret": 5}, "secret"),
        ({"hours": 1}, "hours"),
        ([], ""),
    ],
)
def test_a_wrong_rotation_names_the_field(api: Api, body: object, field: str) -> None:
    response = api.post(f"/webhooks/{make_webhook().id}/secret", json=body)
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [field]


@pytest.mark.parametrize(("written", "value"), [("5.0", 5), ("50e-1", 5), ("0.5e1", 5), ("6E1", 60)])
def test_an_integer_may_be_written_with_a_fraction_of_zero(api: Api, written: str, value: int) -> None:
    """As the type of the description has it."""
    path = f"/webhooks/{make_webhook().id}"
    numbers = {"rate_limit": written, "timeout_seconds": "5.0", "retry_delays": f"[{written}]", "version": "1.0"}
    answer = api.patch(path, data="{" + ", ".join(f'"{name}": {number}' for name, number in numbers.items()) + "}")
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert (found["rate_limit"], found["timeout_seconds"], found["retry_delays"]) == (value, 5, [value])
    assert f'"rate_limit":{value},' in answer.text
    assert api.post(f"{path}/secret", data=f'{{"grace_hours": {written}}}').status_code == 200


@pytest.mark.parametrize("written", ["5.5", "1e999", "-1.0", "5.0000001", '"5.0"'])
def test_what_is_no_integer_is_refused(api: Api, written: str) -> None:
    path = f"/webhooks/{make_webhook().id}"
    assert api.patch(path, data=f'{{"rate_limit": {written}}}').status_code == 422
    assert api.patch(path, data=f'{{"retry_delays": [{written}]}}').status_code == 422
    assert api.post(f"{path}/secret", data=f'{{"grace_hours": {written}}}').status_code == 422


def test_a_rate_limit_and_the_order_are_set_and_taken_away(api: Api) -> None:
    fields = {"rate_limit": 5, "rate_period": "minute", "in_order": True}
    created = api.post("/webhooks", json=NEW | fields).get_json()
    assert fields.items() <= created.items()
    changed = api.patch(f"/webhooks/{created['id']}", json={"rate_limit": None, "in_order": False}).get_json()
    assert (changed["rate_limit"], changed["rate_period"], changed["in_order"]) == (None, "minute", False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": 10_001}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": 1.5}, "rate_limit"),
        ({"rate_period": "hour"}, "rate_period"),
        ({"in_order": "yes"}, "in_order"),
    ],
)
def test_a_wrong_option_names_its_field_once(api: Api, change: dict[str, object], field: str) -> None:
    response = api.post("/webhooks", json=NEW | change)
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [field]


def test_a_throttled_webhook_says_until_when(api: Api) -> None:
    waiting = make_webhook(throttled_until=utcnow() + timedelta(minutes=5)).id
    free_again = make_webhook(throttled_until=utcnow() - timedelta(minutes=5)).id
    assert api.get(f"/webhooks/{waiting}").get_json()["throttled_until"] > utcnow().isoformat()
    assert api.get(f"/webhooks/{free_again}").get_json()["throttled_until"] is None


def test_health_stands_beside_the_status_which_stays_as_it_was(api: Api) -> None:
    now = utcnow()
    for fields, status, health in (
        ({}, "active", "no_deliveries"),
        ({"active": False}, "inactive", None),
        ({"breaker_opened_at": now}, "failing", "failing"),
        ({"active": False, "disabled_at": now}, "disabled", "disabled"),
    ):
        found = api.get(f"/webhooks/{make_webhook(**fields).id}").get_json()
        assert (found["status"], found["health"]) == (status, health)
