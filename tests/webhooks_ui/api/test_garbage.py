"""Generated invalid requests never get a 500, and nothing of them is stored."""

import json
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.factories import make_delivery, make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.api.webhook_body import FIELDS
from webhooks_ui.database import db
from webhooks_ui.events import catalogue
from webhooks_ui.events.types import EVENT_TYPES
from webhooks_ui.models import Event

SETTINGS = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)  # with lone surrogates and control characters
NUMBERS = st.one_of(st.integers(), st.floats(), st.just(10**2_000))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(TEXT, children, max_size=3)),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {"type": st.one_of(st.sampled_from(list(EVENT_TYPES)), VALUES), "data": VALUES},
    optional={"id": st.one_of(TEXT, VALUES), "timestamp": st.one_of(st.datetimes().map(str), VALUES), "x": VALUES},
)


def stored() -> int:
    db.session.rollback()
    return db.session.scalar(db.select(db.func.count(Event.id))) or 0


def publish(api: Api, body: bytes | str) -> None:
    """Publish ``body``. Check that nothing is stored unless it was accepted."""
    before = stored()
    response = api.post("/events", data=body)
    assert response.status_code in (202, 400, 413, 422)
    assert response.status_code == 202 or stored() == before


def test_any_bytes_never_get_a_500(api: Api) -> None:
    @SETTINGS
    @given(st.binary(max_size=64))
    @example(b"\x00")
    @example(b"\xed\xa0\x80")
    @example(b'"' + b"\\" * 63)
    def send(body: bytes) -> None:
        publish(api, body)

    send()


def test_events_with_any_values_never_get_a_500(api: Api) -> None:
    @SETTINGS
    @given(st.one_of(EVENTS, st.lists(EVENTS, max_size=3)))
    def send(body: object) -> None:
        publish(api, json.dumps(body))

    send()


def test_accepted_data_is_sent_unchanged(api: Api) -> None:
    data = st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
            ),
            lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(st.text(max_size=3), children)),
            max_leaves=8,
        ),
        max_size=3,
    )

    @SETTINGS
    @given(data)
    def send(data: object) -> None:
        response = api.post("/events", json={"type": "license.created", "data": data})
        assert response.status_code == 202, response.text
        db.session.rollback()
        body = db.session.scalars(db.select(Event.body).filter_by(public_id=response.get_json()["id"])).one()
        assert json.loads(body)["data"] == data

    send()


def test_webhooks_with_any_values_never_get_a_500(api: Api) -> None:
    fields = (*FIELDS, "version", "x")

    @SETTINGS
    @given(st.dictionaries(st.sampled_from(fields), VALUES))
    def send(body: object) -> None:
        for response in (api.post("/webhooks", data=json.dumps(body)), api.patch("/webhooks/1", data=json.dumps(body))):
            assert response.status_code in (400, 404, 422)

    send()


HALVES = ("\ud800", "\udfff", "a\ud83d" + "x" * 300)


@pytest.mark.parametrize("half", HALVES, ids=range(len(HALVES)))
def test_an_answer_holds_no_half_of_a_character(api: Api, half: str) -> None:
    delivery = make_delivery(make_webhook())
    path, wrong = (
        f"/webhooks/{delivery.webhook_id}",
        {half: half, "type": half, "data": {half: half}, "name": half, "filter": half},
    )
    answers = [
        *(api.post(address, json=wrong) for address in ("/events", "/webhooks", f"{path}/secret", f"{path}/test")),
        *(api.post("/events", json={"type": "license.created", "data": {"a": {half: 1}}}), api.patch(path, json=wrong)),
        api.post(f"/deliveries/{delivery.id}/retries", json=wrong),
    ]
    for answer in answers:
        assert answer.status_code == 422, answer.text
        json.dumps(answer.get_json(), ensure_ascii=False).encode()  # raises UnicodeEncodeError for a half


@pytest.mark.parametrize(
    "path", ["/events", "/webhooks", "/webhooks/1/secret", "/webhooks/1/test", "/deliveries/1/retries"]
)
def test_of_very_many_wrong_fields_the_first_are_named(api: Api, path: str) -> None:
    make_delivery(make_webhook())
    answer = api.post(path, json={f"x{number}": 1 for number in range(20_000)})
    assert answer.status_code == 422
    assert len(answer.get_json()["errors"]) == 1_000
    assert " These are the first 1,000 of 20,00" in answer.get_json()["detail"]


@pytest.mark.parametrize("objects", [1, 500])
def test_no_more_fields_are_read_than_any_body_needs(api: Api, objects: int) -> None:
    wrong = [{f"x{number}": 1 for number in range(100_000 // objects)}] * objects
    answer = api.post("/events", json=wrong)
    assert answer.status_code == 422
    assert " These are the first 1,000 of 25," in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "path", ["/webhooks", "/webhooks/1/secret", "/webhooks/1/test", "/deliveries/1/retries"], ids=str
)
@pytest.mark.parametrize("start", [b'{"retry_delays": [', b"[["])
def test_only_publications_may_be_so_large_that_reading_them_takes_seconds(api: Api, path: str, start: bytes) -> None:
    make_delivery(make_webhook())
    answer = api.post(path, data=start + b"60," * 200_000)
    assert answer.status_code == 413  # who had read it would have found that it breaks off
    assert "has 600,0" in answer.get_json()["detail"]
    assert "524,288" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retry_delays", [60] * 50_000),
        ("fields", {"extra": {"a": [1] * 100_000}}),
        ("filter", {"conditions": [{"field": "id", "operator": "one_of", "value": ["a"] * 50_000}]}),
        ("name", "a" * 200_000),
        ("unknown", [[]] * 100_000),
    ],
)
def test_a_field_of_a_webhook_that_is_too_long_is_named(api: Api, field: str, value: object) -> None:
    webhook = make_webhook()
    for answer in (
        api.post("/webhooks", json={"name": "a", "url": "https://93.184.215.14/", "events": [], field: value}),
        api.patch(f"/webhooks/{webhook.id}", json={field: value}),
    ):
        assert answer.status_code == 422
        (error,) = answer.get_json()["errors"]
        assert (error["field"], error["message"][:23]) == (field, "This field is too long.")


@pytest.mark.parametrize(("name", "status"), [("license.*", 201), ("license.stolen", 422)])
def test_groups_are_listed_equally_often_for_many_names_as_for_one(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    categories = Mock(wraps=catalogue.categories)
    monkeypatch.setattr(catalogue, "categories", categories)
    counts = []
    for names in ([name], [name] * 1_000):
        categories.reset_mock()
        webhook = {"name": "Orders", "url": "https://93.184.216.34/", "events": names}
        assert api.post("/webhooks", json=webhook).status_code == status
        counts.append(categories.call_count)
    assert counts[0] == counts[1]


def test_any_query_strings_never_get_a_500(api: Api) -> None:
    names = st.sampled_from(["q", "status", "code", "webhook", "since", "until", "sort", "cursor", "category", "limit"])
    words = st.sampled_from(["5xx", "24h", "after-1", "status-9-9", "2026-01-01", "0001-01-01T00:00:00+14:00", "-time"])

    @SETTINGS
    @given(st.dictionaries(names, st.one_of(words, st.text(max_size=20)), max_size=4))
    def send(query: dict[str, str]) -> None:
        for path in ("/webhooks", "/deliveries"):
            assert api.get(path, query_string=query).status_code in (200, 422)

    send()
