"""The API accepts events that every receiver can read, and refuses all others with a reason."""

import io
import json
import math
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import make_webhook
from tests.webhooks_ui.api.conftest import Api
from webhooks_ui.database import db
from webhooks_ui.events import strict_json
from webhooks_ui.events.check import EVENT_MAX_BYTES
from webhooks_ui.models import Delivery, Event

EVENT = {"type": "license.activated", "data": {"id": "1"}}


def stored_events() -> Sequence[Event]:
    db.session.rollback()
    return db.session.scalars(db.select(Event).order_by(Event.id)).all()


def wrong_fields(response: TestResponse) -> list[tuple[int | None, str]]:
    return [(error["index"], error["field"]) for error in response.get_json()["errors"]]


def test_an_event_is_stored_with_a_delivery_for_each_subscriber(api: Api) -> None:
    make_webhook()
    make_webhook(environment="staging")
    response = api.post("/events", json=EVENT)
    assert response.status_code == 202
    assert response.get_json() == {"id": stored_events()[0].public_id, "deliveries": 1}
    assert response.get_json()["id"].startswith("evt_")
    assert db.session.scalars(db.select(Delivery.environment)).all() == ["production"]


def test_an_array_is_answered_by_an_array_in_its_order(api: Api) -> None:
    make_webhook()
    response = api.post("/events", json=[EVENT | {"id": "b"}, EVENT | {"id": "a", "type": "product.created"}])
    assert response.status_code == 202
    assert response.json == [{"id": "b", "deliveries": 1}, {"id": "a", "deliveries": 0}]


def test_publishing_an_id_again_changes_nothing_and_answers_with_the_first_result(api: Api) -> None:
    make_webhook()
    first = api.post("/events", json=EVENT | {"id": "evt_1"})
    again = api.post("/events", data=json.dumps(EVENT | {"id": "evt_1"}, indent=2, sort_keys=True))
    assert (again.status_code, again.json) == (202, first.json)
    assert len(stored_events()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"type": "license.created"},
        {"data": {}},
        {"data": EVENT["data"] | {"more": 1}},  # type: ignore[operator]
        {"timestamp": "2026-11-23T10:00:01Z"},
    ],
    ids=lambda change: "-".join(change),
)
def test_an_id_that_comes_again_with_other_content_is_a_409_that_names_it(api: Api, change: dict[str, object]) -> None:
    event = EVENT | {"id": "evt_1", "timestamp": "2026-11-23T10:00:00Z"}
    api.post("/events", json=event)
    alone = api.post("/events", json=event | change)
    assert alone.status_code == 409
    assert "evt_1" in alone.get_json()["detail"]
    array = api.post("/events", json=[EVENT | {"id": "evt_2"}, event | change])
    assert (array.status_code, wrong_fields(array)) == (409, [(1, "id")])
    assert [event.public_id for event in stored_events()] == ["evt_1"]  # nothing of the array


def test_an_id_that_comes_twice_in_one_array_must_say_the_same(api: Api) -> None:
    event = EVENT | {"id": "evt_1"}
    assert api.post("/events", json=[event, event]).status_code == 202
    other = api.post("/events", json=[EVENT | {"id": "evt_2"}, EVENT | {"id": "evt_2", "data": {}}])
    assert (other.status_code, wrong_fields(other)) == (409, [(1, "id")])
    assert other.get_json()["detail"] == (
        "Nothing was published. The id evt_2 comes twice, with different content. Give each event an id of its own."
    )
    assert len(stored_events()) == 1


LITERALS = ["123456789012345.123456", "1e-400", "-0", "1.0", "1E5", "0.1000", "12345678901234567890", "-0.0e+1"]


@pytest.mark.parametrize("literal", LITERALS)
@pytest.mark.parametrize("shape", ["%s", "[%s]"])
def test_a_number_is_kept_as_it_was_written(api: Api, literal: str, shape: str) -> None:
    event = f'{{"type":"license.activated","data":{{"n":{literal},"list":[{literal}, {{"deep":{literal}}}]}}}}'
    assert api.post("/events", data=shape % event).status_code == 202
    assert (
        stored_events()[0]
        .body.decode()
        .endswith(f'"data":{{"n":{literal},"list":[{literal}, {{"deep":{literal}}}]}}}}')
    )


@pytest.mark.parametrize("literal", ["1e400", " -1.5E+999", "9" * 1_001, "9" * 250 + "e99", "9" * 290 + ".5e+20"])
def test_a_number_that_no_reader_can_hold_is_refused(api: Api, literal: str) -> None:
    response = api.post("/events", data=f'{{"type":"license.activated","data":{{"n":{literal}}}}}')
    assert (response.status_code, wrong_fields(response)) == (422, [(None, "data.n")])


def test_data_that_is_as_it_should_be_is_only_searched() -> None:
    """A walk through the data takes a quarter of the time that an event of an array takes."""
    usual = {"id": "6f1c2b9e-8d3a-4e57-b0c4-2a9d7f51e836", "prices": [1.5, 2e10, -3e99], "name": "Zoë, 1e9"}
    raw = strict_json.load_members(json.dumps({"data": usual}).encode())["data"]
    assert strict_json.unsendable(raw._replace(value={"bad": math.inf})) is None


def test_a_byte_order_mark_is_ignored(api: Api) -> None:
    assert api.post("/events", data=b"\xef\xbb\xbf" + json.dumps(EVENT).encode()).status_code == 202


def test_names_that_come_twice_are_found_in_linear_time(api: Api) -> None:
    """A search for each name among all others would take minutes."""
    members = ",".join(f'"{n}":{n}' for n in range(400_000))
    response = api.post("/events", data=f'[{{"type":"license.activated","data":{{{members},"399999":0}}}}]')
    assert response.status_code == 400
    assert "'399999' appears twice" in response.get_json()["detail"]


def test_times_have_microseconds_and_rise_within_a_request_and_ids_sort_alike(api: Api) -> None:
    response = api.post("/events", json=[EVENT] * 50)
    bodies = [json.loads(event.body) for event in stored_events()]
    times = [body["timestamp"] for body in bodies]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at) for at in times)
    assert times == sorted(set(times))
    ids = [answer["id"] for answer in response.get_json()]
    assert ids == sorted(set(ids)) == [body["id"] for body in bodies]
    assert all(re.fullmatch("evt_[0-9a-f]{28}", id) for id in ids)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-11-23t10:00:00z", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-23T10:00:00.1Z", "2026-11-23T10:00:00.100000Z"),
        ("2026-11-23T10:00:00.123456789Z", "2026-11-23T10:00:00.123456Z"),
        ("2026-11-23T10:00:00-00:00", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-23t10:00:00.5-23:59", "2026-11-24T09:59:00.500000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("2026-11-23T10:00Z", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-23 10:00:00+00:00", "2026-11-23T10:00:00.000000Z"),
        ("2026-11-23T12:00:00+0200", "2026-11-23T10:00:00.000000Z"),
        ("20261123T100000Z", "2026-11-23T10:00:00.000000Z"),
    ],
)
def test_a_timestamp_is_any_time_with_a_zone(api: Api, written: str, kept: str) -> None:
    assert api.post("/events", json=EVENT | {"timestamp": written}).status_code == 202
    assert json.loads(stored_events()[0].body)["timestamp"] == kept


@pytest.mark.parametrize(
    "written",
    [
        *("2026-02-30T10:00:00Z", "2026-11-23T10:60:00Z", "２０２６-11-23T10:00:00Z"),
        *("9999-12-31T23:59:59-23:59", "2026-11-23T10:00:00Z\n", " 2026-11-23T10:00:00Z", "2026-11-23T10:00:00"),
        *("2026-11-23", "now", "", "2026-11-23T10:00:00+25:00"),
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(api: Api, written: str) -> None:
    answer = api.post("/events", json=EVENT | {"timestamp": written})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["timestamp"]


def test_the_timestamp_is_kept_in_utc(api: Api) -> None:
    api.post("/events", json=EVENT | {"timestamp": "2026-11-23T12:00:00+02:00"})
    assert json.loads(stored_events()[0].body)["timestamp"] == "2026-11-23T10:00:00.000000Z"


def test_the_content_type_does_not_matter(api: Api) -> None:
    response = api.post("/events", data=json.dumps(EVENT), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 202


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"type": "license.stolen"}, ["type"]),
        ({"type": None}, ["type"]),
        ({"type": ["license.activated"]}, ["type"]),
        ({"type": "\ud800"}, ["type"]),
        ({"data": []}, ["data"]),
        ({"data": None}, ["data"]),
        ({"data": "text"}, ["data"]),
        ({"data": {"customer": {"name": "half \ud800"}}}, ["data.customer.name"]),
        ({"data": {"half \udfff": 1}}, ["data.half \\udfff"]),
        ({"id": ""}, ["id"]),
        ({"id": "a" * 129}, ["id"]),
        ({"id": "with space"}, ["id"]),
        ({"id": "a\n"}, ["id"]),
        ({"id": None}, ["id"]),
        ({"id": 7}, ["id"]),
        ({"timestamp": "2026-11-23T10:00:00"}, ["timestamp"]),
        ({"timestamp": "2026-12-31T23:59:60Z"}, ["timestamp"]),
        ({"timestamp": "yesterday"}, ["timestamp"]),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, ["timestamp"]),
        ({"timestamp": 1_700_000_000}, ["timestamp"]),
        ({"timestamp": "\ud800"}, ["timestamp"]),
        ({"timestmap": "2026-11-23T10:00:00Z"}, ["timestmap"]),
        ({"type": 1, "data": 2, "id": 3, "timestamp": 4, "extra": 5}, ["extra", "type", "data", "id", "timestamp"]),
    ],
)
def test_each_wrong_field_gets_its_own_entry_in_a_422(api: Api, changes: dict[str, object], fields: list[str]) -> None:
    response = api.post("/events", data=json.dumps(EVENT | changes))
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert wrong_fields(response) == [(None, field) for field in fields]
    assert stored_events() == []


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", [[]]])
def test_an_event_that_is_not_an_object_gets_422(api: Api, value: object) -> None:
    assert api.post("/events", data=json.dumps(value)).status_code == 422


def test_missing_fields_are_named(api: Api) -> None:
    assert wrong_fields(api.post("/events", json={})) == [(None, "type"), (None, "data")]


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 5_000, "-" + "9" * 5_000])
def test_a_number_that_is_too_large_gets_422_at_its_path(api: Api, number: str) -> None:
    response = api.post("/events", data=f'{{"type":"license.activated","data":{{"a":[0,{{"b":{number}}}]}}}}')
    assert response.status_code == 422
    assert wrong_fields(response) == [(None, "data.a.1.b")]


def test_one_bad_event_keeps_the_whole_array_out(api: Api) -> None:
    response = api.post("/events", json=[EVENT, EVENT | {"type": "x"}, EVENT, {"type": "license.created"}])
    assert response.status_code == 422
    assert wrong_fields(response) == [(1, "type"), (3, "data")]
    assert stored_events() == []


def test_an_empty_array_gets_422(api: Api) -> None:
    assert api.post("/events", json=[]).status_code == 422


def test_an_array_takes_1000_events_and_no_more(api: Api) -> None:
    assert len(api.post("/events", json=[EVENT] * 1_000).get_json()) == 1_000
    response = api.post("/events", json=[EVENT] * 1_001)
    assert (response.status_code, wrong_fields(response)) == (422, [(1_000, "")])
    assert len(stored_events()) == 1_000


@pytest.mark.parametrize("item", [b"{}", b"1"])
def test_an_array_with_too_many_items_is_not_read_to_its_end(api: Api, item: bytes) -> None:
    response = api.post("/events", data=b"[" + (item + b",") * 1_001 + b"broken")
    assert (response.status_code, wrong_fields(response)) == (422, [(1_000, "")])


def test_an_event_that_is_far_too_large_is_not_read_at_all(api: Api) -> None:
    response = api.post("/events", data=b'{"type":"license.activated","data":{"a":[' + b"1," * EVENT_MAX_BYTES)
    assert (response.status_code, wrong_fields(response)) == (413, [(None, "")])


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is not JSON: it is empty."),
        (b" \n", "The body is not JSON: it is empty."),
        (b'{"type": "\x01"}', "The body is not JSON: Invalid control character at line 1, column 11."),
        (b'{"type": "\\x"}', "The body is not JSON: Invalid \\escape at line 1, column 11."),
    ],
)
def test_a_sentence_says_why_a_body_is_not_json(api: Api, body: bytes, detail: str) -> None:
    assert api.post("/events", data=body).get_json()["detail"] == detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[{}",
        b'{"type":"license.activated","data":{"a":NaN}}',
        b'{"type":"license.activated","data":{"a":-Infinity}}',
        b'{"type":"license.activated","type":"license.created","data":{}}',
        b'{"type":"license.activated","data":{"a":1,"a":2}}',
        b'{"type":"\xff","data":{}}',
        '{"type":"license.activated","data":{}}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type":"license.activated","data":{}} {}',
        b'{"type":"license.activated","data":{"a":"\x00"}}',
        b"type=license.activated",
    ],
)
def test_broken_json_gets_400(api: Api, body: bytes) -> None:
    response = api.post("/events", data=body)
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert response.get_json()["detail"].startswith(("The body is", "The name", "NaN is", "-Infinity is"))
    assert stored_events() == []


def test_nesting_is_allowed_to_100_levels(api: Api) -> None:
    def nested(levels: int) -> str:
        return '{{"type":"license.activated","data":{}1{}}}'.format('{"a":' * levels, "}" * levels)

    assert api.post("/events", data=nested(100)).status_code == 202
    response = api.post("/events", data=nested(101))
    assert response.status_code == 422
    assert "nested" in response.get_json()["errors"][0]["message"]


def test_unusual_but_valid_data_is_sent_unchanged(api: Api) -> None:
    data = {"nul": "\x00", "html": "<script>", "emoji": "😀", "rtl": "\u202eabc", "big": 10**300, "": None}
    assert api.post("/events", json=EVENT | {"data": data}).status_code == 202
    assert json.loads(stored_events()[0].body)["data"] == data


@pytest.mark.parametrize("character", ["é", "😀"])
def test_an_event_may_have_256_kib_when_it_is_sent(api: Api, character: str) -> None:
    event: dict[str, object] = {**EVENT, "id": "evt_1", "timestamp": "2026-11-23T10:00:00Z"}
    length = len(character.encode())

    def padded(size: int) -> dict[str, object]:
        return event | {"data": {"pad": character * (size // length)}}

    def to_the_letter(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode()

    api.post("/events", data=to_the_letter(padded(0)))
    rest = EVENT_MAX_BYTES - len(stored_events()[0].body)
    assert api.post("/events", data=to_the_letter(padded(rest) | {"id": "evt_2"})).status_code == 202
    response = api.post("/events", data=to_the_letter([EVENT, padded(rest + length) | {"id": "evt_3"}]))
    assert (response.status_code, wrong_fields(response)) == (413, [(1, "data")])
    assert len(stored_events()) == 2


def test_a_request_over_8_mib_gets_413(api: Api) -> None:
    response = api.post("/events", data=b" " * (8 * 1024 * 1024 + 1))
    assert (response.status_code, response.content_type) == (413, "application/problem+json")
    assert "8 MiB" in response.get_json()["detail"]


@pytest.mark.parametrize(("beyond", "status"), [(0, 202), (1, 413), (1_000_000, 413)])
def test_a_chunked_request_may_have_8_mib(api: Api, beyond: int, status: int) -> None:
    body = io.BytesIO(json.dumps(EVENT).encode().ljust(8 * 1024 * 1024 + beyond))
    response = api.post(
        "/events",
        input_stream=body,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert response.status_code == status
    assert len(stored_events()) == (status == 202)


def test_a_chunked_request_is_read_to_its_end(api: Api) -> None:
    body = io.BytesIO(json.dumps(EVENT).encode())
    response = api.post("/events", input_stream=body, environ_overrides={"wsgi.input_terminated": True})
    assert response.status_code == 202


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "identity, gzip", "gzip,", "br"])
def test_a_compressed_body_gets_415(api: Api, coding: str) -> None:
    assert api.post("/events", data=b"\x1f\x8b", headers={"Content-Encoding": coding}).status_code == 415


@pytest.mark.parametrize("coding", ["identity", "Identity", "", " ", "identity, identity", ","])
def test_a_body_without_a_coding_is_taken_however_that_is_said(api: Api, coding: str) -> None:
    """A list of header values may be empty (RFC 9110, sections 5.6.1 and 8.4)."""
    assert api.post("/events", json=EVENT, headers={"Content-Encoding": coding}).status_code == 202


def test_a_locked_database_gets_503_and_stores_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.post("/events", json=EVENT)  # stores when the key was used, so that the next request doesn't have to
    monkeypatch.setattr("webhooks_ui.database.sqlite.BUSY_TIMEOUT_MS", 50)
    path = db.engine.url.database
    assert path
    db.engine.dispose()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        response = api.post("/events", json=EVENT)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert len(stored_events()) == 1
