"""take_over_expired: what crashed is planned anew, by one, and the crashed one can no longer commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.builders import (
    LEASE,
    NOON,
    a_cancel,
    a_decision,
    a_poll,
    a_running_task,
    a_submit,
    after,
    an_instance,
    begin,
    commit,
    pause_all,
    take_over,
    task,
)
from tests.databases import TestDatabase

EXPIRE = "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s' where lease_expires_at is not null"


def test_running_past_its_lease_is_taken_over(database: TestDatabase) -> None:
    """New fence, new lease, one more reap, attempts untouched; answered as begin answers, with what happened."""
    running = a_running_task(database, a_submit(attempts=1))
    assert take_over(database) == []
    database.rows(EXPIRE)
    (row,) = take_over(database)
    assert (row["task_id"], row["lost"], row["reaps"], row["attempts"], row["now"]) == (running.task_id, "lease_expired", 1, 1, NOON)
    assert row["fence"] > running.fence
    assert row["account_data"]["account_id"] == running.account_id
    left = task(database, running.task_id)["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are real time
    assert abs(left - LEASE) < timedelta(seconds=5)
    assert take_over(database) == []


def test_whoever_lost_its_lease_cannot_commit(database: TestDatabase) -> None:
    """A stale fence never changes a row (I4); the one who took over commits."""
    running = a_running_task(database)
    database.rows(EXPIRE)
    (row,) = take_over(database)
    assert commit(database, (running.task_id, running.fence, a_decision())) == []
    assert task(database, running.task_id)["status"] == "running"
    assert len(commit(database, (running.task_id, row["fence"], a_decision("pending")))) == 1


def test_lost_take_over_is_not_a_crash_of_the_task(database: TestDatabase) -> None:
    """When the tick itself dies, the next one takes over without counting another reap (I8)."""
    running = a_running_task(database)
    for _ in range(3):
        database.rows(EXPIRE)
        (row,) = take_over(database)
    assert (row["reaps"], row["lost"]) == (1, "lease_expired")
    assert task(database, running.task_id)["begun_by"] is not None


def test_every_lost_begin_counts(database: TestDatabase) -> None:
    """Crashes in a row add up, until a delivery gets as far as a commit."""
    running = a_running_task(database, a_poll())
    for reaps in (1, 2):
        database.rows(EXPIRE)
        (row,) = take_over(database)
        assert row["reaps"] == reaps
        commit(database, (running.task_id, row["fence"], a_decision("pending")))
        assert task(database, running.task_id)["reaps"] == reaps
        begin(database, running.task_id)
    commit(database, (running.task_id, task(database, running.task_id)["fence"], a_decision("pending")))
    assert task(database, running.task_id)["reaps"] == 0


def test_sent_twenty_times_in_vain_is_taken_over_as_undeliverable(database: TestDatabase) -> None:
    """What nobody ever received is planned as such, and stays so should the take-over be lost."""
    started = an_instance(database, a_submit())
    database.rows("update scheduled_tasks set sends = 19")
    database.rows(EXPIRE)
    assert take_over(database) == []
    database.rows("update scheduled_tasks set sends = 20")
    for _ in range(2):
        (row,) = take_over(database)
        assert (row["task_id"], row["lost"], row["reaps"]) == (started.task_id, "undeliverable", 0)
        database.rows(EXPIRE)


def test_crash_after_the_twentieth_send_is_a_crash(database: TestDatabase) -> None:
    """A task that was begun at last was deliverable."""
    started = an_instance(database)
    database.rows("update scheduled_tasks set sends = 20")
    begin(database, started.task_id)
    database.rows(EXPIRE)
    assert [row["lost"] for row in take_over(database)] == ["lease_expired"]


def test_global_pause_takes_over_what_runs(database: TestDatabase) -> None:
    """What was begun finishes under a global pause; what was only sent is left, unless it is a cancel."""
    running = a_running_task(database)
    an_instance(database)
    cancelling = an_instance(database, a_cancel())
    pause_all(database)
    database.rows("update scheduled_tasks set sends = 20 where status = 'queued'")
    database.rows(EXPIRE)
    assert {row["task_id"] for row in take_over(database)} == {running.task_id, cancelling.task_id}


def test_take_over_counts_the_pause_that_is_on(database: TestDatabase) -> None:
    """Deadlines subtract the global pause that has not ended yet."""
    a_running_task(database)
    pause_all(database)
    database.rows(EXPIRE)
    assert [row["global_paused_ms"] for row in take_over(database, now=after(seconds=30))] == [30_000]


def test_limit_is_kept_longest_expired_first(database: TestDatabase) -> None:
    """A crash of many is worked off from its beginning."""
    ids = [a_running_task(database).task_id for _ in range(3)]
    for n, task_id in enumerate(ids):
        database.rows(
            "update scheduled_tasks set lease_expires_at = clock_timestamp() - %s * interval '1 s' where task_id = %s", (n + 1, task_id)
        )
    assert {row["task_id"] for row in take_over(database, 2)} == set(ids[1:])
