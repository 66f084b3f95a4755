"""Every outcome is explained, with advice on what to do about it."""

import pytest

from webhooks_ui.deliveries.outcomes import (
    ADVICE,
    EXPLANATIONS,
    NO_CONNECTION,
    NO_NAME,
    NO_TUNNEL,
    Outcome,
    advise,
    answer_label,
    explain,
)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_has_an_explanation_and_advice(outcome: Outcome) -> None:
    assert EXPLANATIONS[outcome].endswith(".")
    assert outcome == Outcome.DELIVERED or ADVICE[outcome].endswith(".")
    assert explain(outcome, None, "a detail").startswith(EXPLANATIONS[outcome])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (301, "Redirects are not followed"),
        (304, "look for a cache"),
        (401, "refused the signature or wants credentials: compare the secret"),
        (404, "check the URL"),
        (500, "The endpoint itself failed"),
    ],
)
def test_a_status_that_is_no_success_gets_words_that_are_true_for_it(code: int, words: str) -> None:
    sentences = explain(Outcome.BAD_STATUS, code)
    assert sentences.startswith(f"The endpoint answered {code} ")
    assert words in sentences
    assert code == 301 or "Redirects" not in sentences


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (Outcome.BAD_STATUS, 500, "500"),
        (Outcome.DELIVERED, 204, "204"),
        (Outcome.DNS_FAILED, None, "DNS failed"),
        (Outcome.TLS_FAILED, None, "TLS failed"),
        (None, None, "–"),
    ],
)
def test_an_answer_is_its_code_or_the_reason_why_there_was_none(
    outcome: str | None, code: int | None, words: str
) -> None:
    assert answer_label(outcome, code) == words


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.BAD_STATUS])
def test_what_was_wrong_with_the_rest_of_an_answer_is_said(outcome: Outcome) -> None:
    assert explain(outcome, 202, "its answer broke off").endswith(" (its answer broke off)")
    assert "(" not in explain(outcome, 202)


def test_what_a_service_said_replaces_our_note_and_advice_but_a_remark_does_not() -> None:
    said, remark = "The channel was archived.", "its answer broke off"
    assert explain(Outcome.BAD_STATUS, 404, said) == f"The endpoint answered 404 Not Found. {said}"
    assert advise(Outcome.BAD_STATUS, said) == ""
    assert explain(Outcome.BAD_STATUS, 404, remark).endswith(f"check the URL. ({remark})")
    assert advise(Outcome.BAD_STATUS, remark) == advise(Outcome.BAD_STATUS) == ADVICE[Outcome.BAD_STATUS]


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("Name or service not known", "(Name or service not known)"),
        ("Stream 1 reset by server (error 0x2 INTERNAL)", "(Stream 1 reset by server (error 0x2 INTERNAL))"),
        ("The webhook has none. Set one.", "The webhook has none. Set one."),
        ("It gave no answer. (Connection reset by peer)", "It gave no answer. (Connection reset by peer)"),
    ],
)
def test_the_message_of_a_library_does_not_run_into_the_next_sentence(detail: str, shown: str) -> None:
    for outcome in (Outcome.CONNECTION_FAILED, Outcome.TLS_FAILED):
        assert explain(outcome, None, detail) == f"{EXPLANATIONS[outcome]} {shown}"
    assert bool(advise(Outcome.TLS_FAILED, detail)) == shown.startswith("(")


@pytest.mark.parametrize("detail", [NO_NAME, NO_TUNNEL, NO_CONNECTION])
def test_a_request_that_timed_out_before_it_was_sent_is_not_blamed_on_a_slow_answer(detail: str) -> None:
    assert explain(Outcome.TIMEOUT, None, detail) == f"Timed out. {detail}"
    assert "Check" in advise(Outcome.TIMEOUT, detail)
    assert advise(Outcome.TIMEOUT) == ADVICE[Outcome.TIMEOUT]
