"""The guard of the tests: nothing leaves this machine, and a test that tries it fails."""

from tests.conftest import refused
from tests.jobs.sending import Send
from webhooks_ui.deliveries.outcomes import Outcome


def test_the_sender_connects_to_no_other_machine_while_tests_run(send: Send) -> None:
    result = send("https://93.184.216.34/")
    assert (result.outcome, result.duration_ms < 1_000) == (Outcome.CONNECTION_FAILED, True)
    assert "OutsideConnection" in result.detail
    assert refused == ["('93.184.216.34', 443)"]
    refused.clear()  # or this test would fail
