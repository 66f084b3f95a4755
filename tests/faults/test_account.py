"""A short run of ``make faults``: every process is killed once during publishing, and each event is accounted for."""

from collections import Counter

import pytest

from tests.faults.__main__ import MUST_BE_0, account

EVENTS, A_SECOND, PAUSE = 1_200, 80.0, 1.0  # lasts at least fifteen seconds, so that each fault happens once


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_accepted_event_is_lost_when_processes_die(database: str) -> None:
    result = account(database, EVENTS, A_SECOND, PAUSE)
    assert result["accepted"] == EVENTS, result
    assert not any(result[name] for name in MUST_BE_0), result
    assert result["delivered at least once"] == result["deliveries wanted"], result
    assert len(+Counter(result["faults"])) >= 9, result
    assert result["quiet after seconds"] < 180, result
