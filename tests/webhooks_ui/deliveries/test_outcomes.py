"""Every outcome is explained, with advice on what to do about it."""

import pytest

from webhooks_ui.deliveries.outcomes import ADVICE, EXPLANATIONS, Outcome, explain


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_has_an_explanation_and_advice(outcome: Outcome) -> None:
    assert EXPLANATIONS[outcome].endswith(".")
    assert outcome == Outcome.DELIVERED or ADVICE[outcome].endswith(".")
    assert explain(outcome, None, "a detail").startswith(EXPLANATIONS[outcome])
