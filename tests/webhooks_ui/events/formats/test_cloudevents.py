import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given

from tests.webhooks_ui.events.formats.events import EXAMPLES, MANY, events, outgoing
from webhooks_ui.events.formats import FORMATS
from webhooks_ui.events.formats.outgoing import Outgoing
from webhooks_ui.models import WebhookFormat

FORMAT = FORMATS[WebhookFormat.CLOUDEVENTS]


def attributes(event: Outgoing) -> Any:
    return json.loads(FORMAT.render(event))


def test_an_event_has_the_attributes_of_the_standard() -> None:
    event = attributes(outgoing("license.activated", {"id": "6f1c2b9e", "status": "active"}))
    assert FORMAT.content_type == "application/cloudevents+json"
    assert event == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "/keymanager/production",
        "type": "license.activated",
        "subject": "6f1c2b9e",
        "time": "2026-11-23T10:00:00.000000Z",
        "datacontenttype": "application/json",
        "environment": "production",
        "data": {"id": "6f1c2b9e", "status": "active"},
    }


def test_a_test_event_says_so() -> None:
    assert attributes(outgoing(is_test=True))["test"] is True
    assert "test" not in attributes(outgoing())


@pytest.mark.parametrize("id", ["", "x" * 201, "a\nb", "\ufffe", "\x01", 7, None, ["a"], {"id": 1}])
def test_an_id_that_no_attribute_may_hold_is_no_subject(id: object) -> None:
    assert "subject" not in attributes(outgoing(data={"id": id}))


def test_numbers_arrive_to_the_letter() -> None:
    body = FORMAT.render(outgoing("own.type", literal='{"a":1.10, "b":-0,"c":123456789012345.123456}'))
    assert body.endswith(b'"data":{"a":1.10, "b":-0,"c":123456789012345.123456}}')


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_the_library_of_the_standard_reads_each_type(event_type: str) -> None:
    event = outgoing(event_type)
    read = from_http_event(HTTPMessage({"Content-Type": FORMAT.content_type}, FORMAT.render(event)))
    assert (read.get_id(), read.get_type(), read.get_source()) == ("evt_1", event_type, "/keymanager/production")
    assert read.get_time() == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert read.get_data() == EXAMPLES[event_type]


@given(event=events())
@MANY
def test_whatever_is_in_it_the_library_of_the_standard_reads_it(event: Outgoing) -> None:
    read = from_http_event(HTTPMessage({"Content-Type": FORMAT.content_type}, FORMAT.render(event)))
    assert read.get_data() == json.loads(event.body)["data"]
    names = attributes(event).keys() - {"data"}
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in names)
