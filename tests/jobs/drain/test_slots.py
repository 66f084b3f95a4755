from dataclasses import replace

from jobs.claim import Claimed
from jobs.drain.slots import Slots
from jobs.target import Target


def deliveries(webhook: int, count: int) -> list[Claimed]:
    target = Target(webhook, "https://example.com", (), None)
    return [Claimed(webhook * 10_000 + n, target, "e", "t", "production", b"", 1, None, "token") for n in range(count)]


def start_all(slots: Slots, now: float = 0.0) -> list[Claimed]:
    """Start and return all deliveries that may go out at ``now``."""
    started = []
    while delivery := slots.start_next(now):
        started.append(delivery)
    return started


def prove(slots: Slots, webhook: int) -> None:
    """Let ``webhook`` earn its full allowance by successes."""
    for _ in range(10):
        slots.add(deliveries(webhook, 1))
        (delivery,) = start_all(slots)
        slots.finish(delivery, True, 0.0)


def test_no_webhook_has_more_than_a_quarter_of_the_slots() -> None:
    slots = Slots(64)
    prove(slots, 1)
    slots.add(deliveries(1, 100))
    assert len(start_all(slots)) == 16


def test_a_webhook_that_has_proven_nothing_starts_with_few() -> None:
    slots = Slots(64)
    slots.add(deliveries(1, 100))
    assert len(start_all(slots)) == 4


def test_webhooks_take_turns() -> None:
    slots = Slots(64)
    slots.add(deliveries(1, 3) + deliveries(2, 3))
    assert [delivery.target.id for delivery in start_all(slots)] == [1, 2, 1, 2, 1, 2]


def test_webhooks_that_have_proven_nothing_share_half_of_the_slots() -> None:
    slots = Slots(64)
    for webhook in range(1, 9):
        slots.add(deliveries(webhook, 10))
    assert len(start_all(slots)) == 32


def test_one_that_was_never_tried_may_try_once_beside_those_but_they_leave_a_quarter_to_the_proven() -> None:
    slots = Slots(64)
    for webhook in range(1, 9):
        slots.add(deliveries(webhook, 10))
    start_all(slots)
    for webhook in range(100, 130):
        slots.add(deliveries(webhook, 4))
    started = start_all(slots)
    assert [delivery.target.id for delivery in started] == list(range(100, 116))


def test_a_webhook_that_is_known_to_be_well_is_not_kept_waiting_by_all_those() -> None:
    slots = Slots(64)
    prove(slots, 1)
    for webhook in range(100, 200):
        slots.add(deliveries(webhook, 4))
    assert len(start_all(slots)) == 48
    slots.add(deliveries(1, 10))
    assert [delivery.target.id for delivery in start_all(slots)] == [1] * 10


def test_what_waits_with_large_bodies_keeps_its_webhook_from_leasing_more() -> None:
    slots = Slots(64)
    prove(slots, 1)
    big = [replace(delivery, body=b"x" * 2**20) for delivery in deliveries(1, 3)]
    slots.add(big)
    start_all(slots)
    assert (slots.queued, slots.queued_bytes) == (2, 2 * 2**20)
    assert slots.wants(1, 0.0) == 0
    slots.drop_queue(ids={big[-1].id})
    assert (slots.queued, slots.queued_bytes) == (1, 2**20)
    assert slots.wants(1, 0.0) > 0


def test_webhooks_whose_answers_are_overdue_leave_the_other_half_to_the_proven() -> None:
    slots = Slots(64)
    for webhook in range(1, 6):
        prove(slots, webhook)
    slots.add([delivery for webhook in (1, 2, 3, 4) for delivery in deliveries(webhook, 20)])
    assert len(start_all(slots, now=0.0)) == 64
    for delivery in deliveries(1, 16):
        slots.finish(delivery, False, 10.0)
    slots.add(deliveries(2, 20) + deliveries(5, 20))
    assert {delivery.target.id for delivery in start_all(slots, now=10.0)} == {5}


def test_one_that_waits_on_its_own_slow_endpoint_wants_nothing_more() -> None:
    slots = Slots(64)
    prove(slots, 1)
    assert slots.wants(1, 0.0) > 16
    slots.add(deliveries(1, 20))
    start_all(slots, now=0.0)
    assert slots.wants(1, now=5.0) == 0


def test_all_slots_are_used_and_freed() -> None:
    slots = Slots(8)
    for webhook in range(10):
        slots.add(deliveries(webhook, 2))
    started = start_all(slots)
    assert len(started) == 6  # webhooks that were never tried may use three quarters
    for delivery in started:
        slots.finish(delivery, True, 0.0)
    assert len(start_all(slots)) == 8  # the webhooks that were tried have proven themselves
    assert slots.queued == 6


def test_what_is_dropped_is_no_longer_held() -> None:
    slots = Slots(8)
    slots.add(deliveries(1, 10) + deliveries(2, 10))
    assert len(start_all(slots)) == 4
    assert len(slots.drop_queue([1])) == 8
    assert 1 not in slots.webhooks_queued()
    slots.drop_queue()
    assert (slots.queued, slots.taken) == (0, 4)


def test_a_large_body_takes_more_slots() -> None:
    """Or a thousand requests in flight would be a thousand large bodies in memory."""
    slots = Slots(64)
    for webhook in (1, 2, 3, 4, 5):
        prove(slots, webhook)
    for webhook in (1, 2, 3, 4, 5):
        slots.add([replace(delivery, body=bytes(128 * 1024)) for delivery in deliveries(webhook, 20)])
    started = start_all(slots)
    assert [delivery.target.id for delivery in started] == [1, 2, 3, 4, 5, 1, 2, 3]
    assert (slots.taken, slots.in_flight) == (64, 8)
    for delivery in started:
        slots.finish(delivery, True, 0.0)
    assert (slots.taken, slots.in_flight) == (0, 0)


def test_a_large_body_goes_out_although_it_needs_more_slots_than_its_webhook_may_have() -> None:
    slots = Slots(4)
    slots.add([replace(delivery, body=bytes(256 * 1024)) for delivery in deliveries(1, 3)])
    assert len(start_all(slots)) == 1


def test_what_is_queued_or_in_flight_is_not_taken_again() -> None:
    slots = Slots(64)
    sent, queued = deliveries(1, 2)
    slots.add([sent])
    start_all(slots)
    slots.add([queued, sent, queued])
    assert (slots.queued, slots.in_flight) == (1, 1)
    assert slots.drop_queue() == [queued]
    slots.add([queued])
    assert start_all(slots) == [queued]
    for delivery in (sent, queued):
        slots.finish(delivery, True, 0.0)
    slots.add([sent])
    assert start_all(slots) == [sent]
