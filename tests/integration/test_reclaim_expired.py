"""reclaim_expired: one caller gets an expired task. Its former holder cannot commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.builders import (
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
    reclaim,
    task,
)
from tests.support.databases import TestDatabase

EXPIRE = (
    "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    " where lease_expires_at is not null"
)


def test_running_past_its_lease_is_reclaimed(database: TestDatabase) -> None:
    """A reclaimed task has a new fence and lease, one more reclaim and the same attempts.

    Its row has the columns of begin_tasks, and a reason.
    """
    running = a_running_task(database, a_submit(attempts=1))
    assert reclaim(database) == []
    database.rows(EXPIRE)
    (row,) = reclaim(database)
    assert (
        row["task_id"],
        row["reclaim_reason"],
        row["reclaims"],
        row["attempts"],
        row["now"],
    ) == (
        running.task_id,
        "lease_expired",
        1,
        1,
        NOON,
    )
    assert row["fence"] > running.fence
    assert row["account_data"]["account_id"] == running.account_id
    left = task(database, running.task_id)["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are wall time
    assert abs(left - LEASE) < timedelta(seconds=5)
    assert reclaim(database) == []


def test_a_worker_that_lost_its_lease_cannot_commit(database: TestDatabase) -> None:
    """A stale fence never changes a row (I4); the reclaiming caller commits."""
    running = a_running_task(database)
    database.rows(EXPIRE)
    (row,) = reclaim(database)
    assert commit(database, (running.task_id, running.fence, a_decision())) == []
    assert task(database, running.task_id)["status"] == "running"
    assert len(commit(database, (running.task_id, row["fence"], a_decision("pending")))) == 1


def test_lost_reclaim_is_not_a_crash_of_the_task(database: TestDatabase) -> None:
    """If a tick dies during a reclaim, the next one reclaims without counting it again (I8)."""
    running = a_running_task(database)
    for _ in range(3):
        database.rows(EXPIRE)
        (row,) = reclaim(database)
    assert (row["reclaims"], row["reclaim_reason"]) == (1, "lease_expired")
    assert task(database, running.task_id)["begun_by"] is not None


def test_every_lost_begin_counts(database: TestDatabase) -> None:
    """I8: the reclaims of a row add up, also when deliveries commit in between.

    A poll whose process dies every second time would otherwise never reach the limit.
    """
    running = a_running_task(database, a_poll())
    for reclaims in (1, 2, 3):
        database.rows(EXPIRE)
        (row,) = reclaim(database)
        assert row["reclaims"] == reclaims
        commit(database, (running.task_id, row["fence"], a_decision("pending")))
        assert task(database, running.task_id)["reclaims"] == reclaims
        (again,) = begin(database, running.task_id)
        commit(database, (running.task_id, again["fence"], a_decision("pending")))
        assert task(database, running.task_id)["reclaims"] == reclaims
        begin(database, running.task_id)


def test_sent_twenty_times_in_vain_is_reclaimed_as_undeliverable(database: TestDatabase) -> None:
    """The reason stays `undeliverable` when the lease of the reclaim expires."""
    started = an_instance(database, a_submit())
    database.rows("update scheduled_tasks set sends = 19")
    database.rows(EXPIRE)
    assert reclaim(database) == []
    database.rows("update scheduled_tasks set sends = 20")
    for _ in range(2):
        (row,) = reclaim(database)
        assert (row["task_id"], row["reclaim_reason"], row["reclaims"]) == (
            started.task_id,
            "undeliverable",
            0,
        )
        database.rows(EXPIRE)


def test_crash_after_the_twentieth_send_is_a_crash(database: TestDatabase) -> None:
    """A task that has begun is not undeliverable."""
    started = an_instance(database)
    database.rows("update scheduled_tasks set sends = 20")
    begin(database, started.task_id)
    database.rows(EXPIRE)
    assert [row["reclaim_reason"] for row in reclaim(database)] == ["lease_expired"]


def test_global_pause_reclaims_what_runs(database: TestDatabase) -> None:
    """Running tasks are reclaimed during a global pause.

    Of queued tasks only cancels are reclaimed.
    """
    running = a_running_task(database)
    an_instance(database)
    cancelling = an_instance(database, a_cancel())
    pause_all(database)
    database.rows("update scheduled_tasks set sends = 20 where status = 'queued'")
    database.rows(EXPIRE)
    assert {row["task_id"] for row in reclaim(database)} == {running.task_id, cancelling.task_id}


def test_reclaim_counts_the_pause_that_is_on(database: TestDatabase) -> None:
    """Deadlines subtract a global pause that has not ended yet."""
    a_running_task(database)
    pause_all(database)
    database.rows(EXPIRE)
    assert [row["global_paused_ms"] for row in reclaim(database, now=after(seconds=30))] == [30_000]


def test_limit_is_kept_longest_expired_first(database: TestDatabase) -> None:
    """A call reclaims at most its limit, the longest expired first."""
    ids = [a_running_task(database).task_id for _ in range(3)]
    for n, task_id in enumerate(ids):
        database.rows(
            "update scheduled_tasks set lease_expires_at = clock_timestamp() - %s * interval '1 s'"
            " where task_id = %s",
            (n + 1, task_id),
        )
    assert {row["task_id"] for row in reclaim(database, 2)} == set(ids[1:])
