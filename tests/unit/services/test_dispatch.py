"""The tick's measure: it stops at its time, and at a queue that takes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from flamebot.actions.registry import REGISTRY
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.begun import Begun
from flamebot.domain.ids import DefinitionId
from flamebot.domain.message import TaskPointer
from flamebot.ports.queue import Message
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.ticking.dispatch import DispatchDue, TickReport
from tests.unit.services.stand_ins import NOON, HandClock, ListTelemetry, pointer

POLICY = EnginePolicy(max_attempts=3, max_reclaims=5, retry_base=NOON - NOON, retry_cap=NOON - NOON)


class EndlessStore:
    """There is always more that is due, and each claim takes a second."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.claims = 0
        self.counts = 0

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        return []

    def resend_expired(self, limit: int) -> list[TaskPointer]:
        return []

    def free_queue_capacity(self) -> int:
        self.counts += 1
        return 100_000

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        self.clock.elapsed += 1
        self.claims += 1
        assert self.claims < 100, "a tick without end"
        return [pointer(number) for number in range(limit)]

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        pass

    def engine_health(self) -> dict[str, Any]:
        return {"due_backlog": 0, "oldest_due_age_seconds": 0.0, "services": []}

    def definition_document(self, definition_id: DefinitionId) -> dict[str, Any]:
        raise AssertionError(definition_id)


class Queue:
    """Takes everything, or nothing."""

    def __init__(self, *, up: bool) -> None:
        self.up = up

    def send(self, messages: Sequence[Message]) -> int:
        return len(messages) if self.up else 0


def dispatcher(store: EndlessStore, *, up: bool = True) -> DispatchDue:
    """The tick's service on a store and its clock."""
    return DispatchDue(
        store=store,  # type: ignore[arg-type]  # as much of it as is called
        queue=Queue(up=up),
        catalog=DefinitionCatalog(store, REGISTRY, POLICY),
        clock=store.clock,
        telemetry=ListTelemetry(),
    )


def tick(*, up: bool) -> tuple[TickReport, EndlessStore]:
    """One tick over an endless backlog."""
    clock = HandClock()
    store = EndlessStore(clock)
    service = dispatcher(store, up=up)
    return service.run(), store


class BusyStore(EndlessStore):
    """So many full chunks, due in half a minute; each claim takes a hundredth of a second."""

    def __init__(self, clock: HandClock, chunks: int) -> None:
        super().__init__(clock)
        self.chunks = chunks

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        self.clock.elapsed += 0.01
        self.claims += 1
        number = self.claims
        return (
            [pointer(n, due=NOON + timedelta(seconds=90.72 + n / 1000)) for n in range(limit)]
            if number <= self.chunks
            else []
        )


def busy_tick(chunks: int) -> tuple[TickReport, HandClock]:
    """One tick over so many full chunks, none of which is due yet."""
    clock = HandClock(scheduled=True)
    store = BusyStore(clock, chunks)
    service = dispatcher(store)
    return service.run(), clock


class NarrowStore(EndlessStore):
    """More tasks are always due than the queue capacity allows.

    Nothing that was claimed ends.
    """

    def __init__(self, clock: HandClock, most: int) -> None:
        super().__init__(clock)
        self.most = most
        self.claimed = 0

    def free_queue_capacity(self) -> int:
        self.counts += 1
        return max(self.most - self.claimed, 0)

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        self.claimed += limit
        return super().claim_due_tasks(limit)


def tick_within(most: int) -> NarrowStore:
    """One tick over an endless backlog with a capacity of so many tasks in flight."""
    clock = HandClock()
    store = NarrowStore(clock, most)
    dispatcher(store).run()
    return store


@pytest.mark.parametrize("most", [0, 1, 999, 1000, 2000, 2500])
def test_a_tick_claims_as_much_as_the_queue_capacity_allows(most: int) -> None:
    """No more in flight than MAX_QUEUED_TASKS, and no fewer if they are due."""
    assert tick_within(most).claimed == most


def test_what_is_in_flight_is_counted_when_the_capacity_is_used_up_and_not_for_each_claim() -> None:
    """Counting takes as long as much is in flight.

    Once per chunk it would cost more than the claims.
    """
    _, store = tick(up=True)
    assert (store.claims, store.counts) == (40, 1)
    assert tick_within(2500).counts == 2


def test_a_busy_tick_waits_for_whole_seconds_too() -> None:
    """Each chunk leaves over the next second, a full one too: no function waits for what is due."""
    report, clock = busy_tick(3)
    assert (report.claimed, report.sent) == (3000, 3000)
    assert len(clock.slept) >= 3


def test_a_tick_with_too_much_to_send_sends_it_at_once() -> None:
    """The tick's time is bounded: after some seconds what is claimed leaves as it comes."""
    report, _ = busy_tick(39)
    assert report.sent == 39_000
    assert report.seconds < 15


def test_claims_stop_at_a_queue_that_is_down() -> None:
    """What is claimed and not sent waits for its lease: one chunk is enough of that (I6)."""
    report, store = tick(up=False)
    assert (store.claims, report.sent) == (1, 0)


def test_claims_stop_when_time_is_over() -> None:
    """The next tick goes on where this one stopped, before its function is cut off."""
    report, store = tick(up=True)
    assert store.claims == 40
    assert report.claimed == report.sent == 40_000


class RecoveringStore(EndlessStore):
    """The breaker of a service lets a few tasks through, and closes after so many claims."""

    def __init__(self, clock: HandClock, closes_after: int) -> None:
        super().__init__(clock)
        self.closes_after = closes_after

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        self.claims += 1
        return [pointer(self.claims)]

    def engine_health(self) -> dict[str, Any]:
        limited = self.claims < self.closes_after
        return {**super().engine_health(), "services": [{"per_second": 10 if limited else None}]}


@pytest.mark.parametrize(("closes_after", "claims"), [(0, 0), (3, 3), (1000, 7)])
def test_the_tick_watches_a_limited_service(closes_after: int, claims: int) -> None:
    """It claims every five seconds, until nothing is limited or forty seconds are over."""
    clock = HandClock()
    store = RecoveringStore(clock, closes_after)
    service = dispatcher(store)
    assert service.watch(spent=0.0) == claims
    assert clock.elapsed == 5 * claims
