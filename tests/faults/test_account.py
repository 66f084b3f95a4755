"""A short run of ``make faults``: every process is killed once during publishing, and each event is accounted for."""

from collections import Counter

import pytest

from tests.faults.__main__ import FAULTS, MUST_BE_0, account

EVENTS, A_SECOND, PAUSE = 1_000, 80.0, 1.0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_accepted_event_is_lost_when_processes_die(database: str) -> None:
    result = account(database, EVENTS, A_SECOND, PAUSE)
    assert result["accepted"] == result["published"] >= EVENTS, result
    assert not any(result[name] for name in MUST_BE_0), result
    assert result["delivered at least once"] == result["deliveries wanted"], result
    assert len(+Counter(result["faults"])) == len(FAULTS) + 1, result
    assert result["quiet after seconds"] < 180, result
