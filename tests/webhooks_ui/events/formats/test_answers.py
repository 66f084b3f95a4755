"""What is read of an answer's body. Requests that get such answers are in tests/jobs/test_understand.py."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.transport.handle import BODY_KEPT_BYTES
from tests.webhooks_ui.events.formats.events import MANY
from webhooks_ui.events.formats.answers import NOTHING, QUOTED_MAX_CHARACTERS, said
from webhooks_ui.models import WebhookFormat

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(("code", "error", "message")), inner)),
)


@pytest.mark.parametrize("service", WebhookFormat)
@given(
    code=st.integers(100, 599), body=st.one_of(st.binary(), json_values.map(lambda value: json.dumps(value).encode()))
)
@MANY
def test_no_answer_is_an_error_or_has_a_sentence_that_cant_be_shown(
    service: WebhookFormat, code: int, body: bytes
) -> None:
    answer = said(service, code, body)
    answer.sentence.encode()
    assert len(answer.sentence) <= QUOTED_MAX_CHARACTERS + 40
    assert "\n" not in answer.sentence
    assert not (answer.is_gone and not answer.sentence)


@pytest.mark.parametrize("service", [WebhookFormat.SLACK, WebhookFormat.DISCORD])
def test_a_success_says_nothing_more(service: WebhookFormat) -> None:
    assert said(service, 200, b"no_service") == NOTHING


def test_a_long_message_is_quoted_in_part() -> None:
    body = json.dumps({"code": 1, "message": "x" * 5_000}).encode()
    assert said(WebhookFormat.DISCORD, 400, body).sentence == "Discord says: " + "x" * QUOTED_MAX_CHARACTERS


@pytest.mark.parametrize("service", WebhookFormat)
@pytest.mark.parametrize("words", [b"connector ", b'{"code":', b"no_service ", b"["])
def test_an_answer_that_repeats_itself_costs_next_to_nothing(service: WebhookFormat, words: bytes) -> None:
    """The thread that reads it makes all requests of a worker."""
    body = (words * BODY_KEPT_BYTES)[:BODY_KEPT_BYTES]
    began = time.thread_time()
    for _ in range(10):
        said(service, 404, body)
    assert time.thread_time() - began < 0.2
