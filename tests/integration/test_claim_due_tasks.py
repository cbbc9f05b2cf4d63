"""claim_due_tasks queues each pending task once, before it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.builders import (
    LEASE,
    NOON,
    a_cancel,
    a_decision,
    a_next,
    a_poll,
    after,
    an_instance,
    begin,
    claim,
    commit,
    pause_all,
    task,
)
from tests.support.databases import TestDatabase


def test_claim_takes_what_is_due_within_the_horizon(database: TestDatabase) -> None:
    """Tasks due within the horizon are queued under a fence. Later tasks stay pending."""
    early = an_instance(database, a_next(at=after(minutes=10)))
    late = an_instance(database, a_next(at=after(minutes=13)))
    (row,) = claim(database, now=after(minutes=9))
    assert row["task_id"] == early.task_id
    assert (row["account_id"], row["phase"], row["due"], row["alone"]) == (
        early.account_id,
        "timer",
        after(minutes=10),
        False,
    )
    claimed = task(database, early.task_id)
    assert (claimed["status"], claimed["fence"], claimed["sends"]) == ("queued", row["fence"], 1)
    assert task(database, late.task_id)["status"] == "pending"


def test_lease_lasts_beyond_the_due_time_in_real_seconds(database: TestDatabase) -> None:
    """A task that is due in a minute is leased for that minute and the lease.

    At double speed the minute is half as long.
    """
    for rate, seconds in ((1, 60), (2, 30)):
        started = an_instance(database, a_next(at=after(minutes=10)))
        database.rows(
            "select * from claim_due_tasks(%s, '2 minutes', 10, %s, %s)",
            (after(minutes=9), LEASE, rate),
        )
        left = task(database, started.task_id)["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are wall time
        assert abs(left - LEASE - timedelta(seconds=seconds)) < timedelta(seconds=5)


def test_claim_takes_the_earliest_up_to_its_limit(database: TestDatabase) -> None:
    """If more tasks are due than the limit, the longest overdue are claimed first."""
    ids = [an_instance(database, a_next(at=after(minutes=20 - n))).task_id for n in range(5)]
    taken = claim(database, 2, now=after(minutes=30))
    assert {row["task_id"] for row in taken} == {ids[4], ids[3]}


def test_claimed_task_is_not_claimed_again(database: TestDatabase) -> None:
    """A second claim finds nothing."""
    an_instance(database, a_next(at=after(minutes=10)))
    assert len(claim(database, now=after(minutes=10))) == 1
    assert claim(database, now=after(minutes=10)) == []


def test_global_pause_claims_cancels_only(database: TestDatabase) -> None:
    """While the engine is paused only cancels are queued."""
    an_instance(database, a_poll(at=after(minutes=10)))
    cancelling = an_instance(database, a_cancel(at=after(minutes=10)))
    pause_all(database)
    assert [row["task_id"] for row in claim(database, now=after(minutes=10))] == [
        cancelling.task_id
    ]


def test_task_that_was_reclaimed_travels_alone(database: TestDatabase) -> None:
    """A task with reclaims is marked, so that its message holds no other task."""
    started = an_instance(database, a_poll())
    (row,) = begin(database, started.task_id)
    commit(database, (started.task_id, row["fence"], a_decision("pending", at=after(hours=1))))
    database.rows("update scheduled_tasks set reclaims = 1")
    assert [row["alone"] for row in claim(database, now=after(hours=1))] == [True]


def test_null_now_is_the_databases_clock(database: TestDatabase) -> None:
    """Without a schedule clock the database's clock decides what is due."""
    real = datetime.now(UTC)  # noqa: TID251  # the database's clock is the real one
    an_instance(database, a_next(at=real + timedelta(minutes=3)), now=real)
    due = an_instance(
        database, a_next(at=real + timedelta(seconds=60)), now=real - timedelta(hours=1)
    )
    assert [row["task_id"] for row in claim(database, now=None)] == [due.task_id]
    assert real < NOON


def test_a_claim_has_a_fence_of_its_own(database: TestDatabase) -> None:
    """A message of an earlier claim begins nothing (I4).

    The message of the claim is the first send (I8).
    """
    ids = [an_instance(database, a_next(at=after(hours=1))).task_id for _ in range(2)]
    claimed = claim(database, now=after(hours=1))
    assert len({row["fence"] for row in claimed} - {0}) == 2
    assert {(row["fence"], task(database, row["task_id"])["sends"]) for row in claimed} == {
        (task(database, each)["fence"], 1) for each in ids
    }
