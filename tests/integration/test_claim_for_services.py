"""claim_for_services gives the tasks of a limited service slots, and claims the others as ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from flamebot.domain.decision import NextTask
from flamebot.domain.service_call import Service
from flamebot.domain.task import Phase
from tests.support.builders import (
    a_cancel,
    a_next,
    a_poll,
    a_submit,
    after,
    an_instance,
    begin,
    claim,
    task,
)
from tests.support.databases import Row, TestDatabase, start
from tests.support.services import half_opened, opened, record, service

AT = after(minutes=10)  # when the tasks of these tests are due


def pending(
    db: TestDatabase, number: int, make: Callable[[datetime], NextTask] = a_submit
) -> list[str]:
    """Start workflows whose tasks are due one after the other, and return the tasks' ids."""
    return [an_instance(db, make(AT + timedelta(seconds=n))).task_id for n in range(number)]


def dues(rows: Sequence[Row]) -> list[float]:
    """The seconds after `AT` + 1 minute at which claimed tasks are sent."""
    return [(row["due"] - AT).total_seconds() - 60 for row in sorted(rows, key=lambda r: r["due"])]


def test_an_open_breaker_lets_one_task_through_each_interval(database: TestDatabase) -> None:
    """The tasks that are due the longest, one every 15 seconds up to the horizon."""
    ids = pending(database, 20)
    opened(database, now=AT + timedelta(seconds=50))
    rows = claim(database, now=AT + timedelta(minutes=1))
    assert dues(rows) == [5 + 15 * n for n in range(8)]
    assert [r["task_id"] for r in sorted(rows, key=lambda r: r["due"])] == ids[:8]
    assert claim(database, now=AT + timedelta(minutes=1)) == []
    (row,) = claim(database, now=AT + timedelta(minutes=1, seconds=6))
    assert dues([row]) == [125]


def test_a_task_keeps_its_due_time(database: TestDatabase) -> None:
    """Only the message waits for the slot: how late the task is stays known."""
    (task_id,) = pending(database, 1)
    opened(database, now=AT)
    claim(database, now=AT + timedelta(minutes=1))
    row = task(database, task_id)
    assert (row["scheduled_for"], row["status"], row["admitted"]) == (
        AT,
        "queued",
        service(database)["generation"],
    )


def test_the_lease_lasts_beyond_the_slot(database: TestDatabase) -> None:
    """A message that waits for its slot is not sent again before."""
    first, *_, last = pending(database, 8)
    opened(database, now=AT)
    claim(database, now=AT + timedelta(seconds=8))
    leases = [task(database, task_id)["lease_expires_at"] for task_id in (first, last)]
    assert leases[1] - leases[0] == pytest.approx(timedelta(seconds=105), abs=timedelta(seconds=1))


def test_others_are_claimed_as_ever(database: TestDatabase) -> None:
    """A timer, a cancel and a task of the other service do not wait for this breaker."""
    free = [
        an_instance(database, a_next(at=AT)).task_id,
        an_instance(database, a_cancel(at=AT)).task_id,
        an_instance(database, a_next(at=AT, phase=Phase.GENERATE)).task_id,
    ]
    held = [
        an_instance(database, a_submit(at=AT)).task_id,
        an_instance(database, a_poll(at=AT)).task_id,
    ]
    opened(database, now=AT)
    assert {row["task_id"] for row in claim(database, now=AT)} == set(free)
    assert {task(database, task_id)["status"] for task_id in held} == {"pending"}


def test_a_million_held_back_tasks_do_not_hide_the_others(database: TestDatabase) -> None:
    """What is held back is not read: the limit counts what is claimed."""
    pending(database, 12)
    other = an_instance(database, a_next(at=AT + timedelta(minutes=1))).task_id
    opened(database, now=AT)
    assert [row["task_id"] for row in claim(database, 1, now=AT)] == [other]


def test_a_half_open_breaker_releases_at_a_growing_rate(database: TestDatabase) -> None:
    """Ten in the first second, twice as many ten seconds later."""
    for _ in range(400):
        an_instance(database, a_submit(at=AT))
    half_opened(database, now=AT + timedelta(minutes=1))
    rows = claim(database, 1000, now=AT + timedelta(minutes=1))
    times = dues(rows)
    assert all(earlier <= later for earlier, later in pairwise(times))
    per_second = [sum(1 for t in times if n <= t < n + 1) for n in range(11)]
    assert per_second[0] == 10 or per_second[0] == 11
    assert per_second[10] in range(19, 23)
    assert 140 <= sum(per_second[:10]) <= 150


def test_a_lowered_rate_spaces_the_tasks(database: TestDatabase) -> None:
    """After 429 responses the tasks of the whole fleet come at the rate that was accepted."""
    pending(database, 40)
    record(database, now=AT, answered=400)
    record(database, now=AT, throttled=100, retry_after=timedelta(minutes=5))
    times = dues(claim(database, now=AT + timedelta(minutes=1)))
    assert times[:4] == pytest.approx([0, 0.05, 0.1, 0.15])


def test_what_is_due_later_is_not_claimed_sooner(database: TestDatabase) -> None:
    """A slot that comes before the due time waits for it."""
    (task_id,) = pending(database, 1)
    half_opened(database, now=AT - timedelta(minutes=1))
    (row,) = claim(database, now=AT - timedelta(minutes=1))
    assert (row["task_id"], row["due"]) == (task_id, AT)


def test_a_breaker_closes_when_nothing_waits(database: TestDatabase) -> None:
    """Ten seconds after the recovery at the earliest, when a claim finds slots to spare."""
    half_opened(database, now=AT)
    claim(database, now=AT + timedelta(seconds=9))
    assert service(database)["state"] == "half_open"
    claim(database, now=AT + timedelta(seconds=10))
    row = service(database)
    assert (row["state"], row["slots_per_second"], row["changed_at"]) == (
        "closed",
        None,
        AT + timedelta(seconds=10),
    )


def test_a_breaker_stays_half_open_while_tasks_wait(database: TestDatabase) -> None:
    """It is not closed by a claim that its limit ends."""
    pending(database, 3)
    half_opened(database, now=AT)
    claim(database, 1, now=AT + timedelta(minutes=5))
    assert service(database)["state"] == "half_open"


def test_a_lowered_rate_is_lifted_when_nothing_waits(database: TestDatabase) -> None:
    """But not before the wait is over that the service named."""
    record(database, now=AT, answered=10)
    record(database, now=AT, throttled=10, retry_after=timedelta(minutes=2))
    claim(database, now=AT + timedelta(seconds=119))
    assert service(database)["slots_per_second"] == 10
    claim(database, now=AT + timedelta(seconds=120))
    assert service(database)["slots_per_second"] is None


def test_a_breaker_that_a_person_opened_makes_no_probe(database: TestDatabase) -> None:
    """Not one task of the service is claimed, however long it waits."""
    pending(database, 2)
    database.rows("select open_service('actions_service', %s, 'tester', 'maintenance')", (AT,))
    assert claim(database, now=after(hours=5)) == []


def test_a_slot_admits_under_its_generation_only(database: TestDatabase) -> None:
    """A second probe waits for its turn on the ramp once the first one was answered."""
    probe, waiting = pending(database, 2)
    opened(database, now=AT)
    claim(database, now=AT + timedelta(seconds=15))
    assert len(begin(database, probe, now=AT + timedelta(seconds=15))) == 1
    record(database, now=AT + timedelta(seconds=16), answered=1)
    assert begin(database, waiting, now=AT + timedelta(seconds=30)) == []
    row = task(database, waiting)
    assert (row["status"], row["admitted"], row["lease_expires_at"]) == ("pending", None, None)
    (again,) = claim(database, now=AT + timedelta(seconds=30))
    assert len(begin(database, waiting, now=again["due"])) == 1


def test_two_claims_give_no_slot_twice(database: TestDatabase) -> None:
    """Race: the second claim waits for the first, and goes on where it stopped."""
    pending(database, 20)
    opened(database, now=AT)
    other = database.session()
    database.main.begin()
    mine = claim(database, 3, now=AT + timedelta(minutes=1))
    waiting = start(lambda: claim(other, 3, now=AT + timedelta(minutes=1)))
    database.until_blocked(other)
    database.main.commit()
    times = dues([*mine, *waiting.result()])
    assert times == [15 * n for n in range(6)]


def test_a_claim_waits_for_a_commit_that_changes_the_breaker(database: TestDatabase) -> None:
    """Race: a claim that began while a probe was answered finds the ramp."""
    pending(database, 30)
    opened(database, now=AT)
    other = database.session()
    database.main.begin()
    record(database, now=AT + timedelta(minutes=1), answered=1)
    waiting = start(lambda: claim(other, now=AT + timedelta(minutes=1)))
    database.until_blocked(other)
    database.main.commit()
    assert len(waiting.result()) == 30


def test_the_other_service_has_slots_of_its_own(database: TestDatabase) -> None:
    """Both breakers open: each lets one task of its own through."""
    pending(database, 3)
    pending(database, 3, lambda at: a_next(at=at, phase=Phase.GENERATE))
    opened(database, now=AT)
    opened(database, now=AT, name=Service.AI)
    rows = claim(database, now=AT + timedelta(seconds=15), horizon=timedelta(seconds=5))
    assert sorted(row["phase"] for row in rows) == ["generate", "submit"]
    assert {row["due"] for row in rows} == {AT + timedelta(seconds=15)}
