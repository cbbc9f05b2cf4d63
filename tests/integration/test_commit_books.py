"""commit_tasks keeps what later calls depend on: fences, ages of keys, sends and leases."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.builders import (
    LEASE,
    Running,
    a_cancel,
    a_decision,
    a_next,
    a_poll,
    a_running_task,
    a_submit,
    after,
    begin,
    commit,
    instance,
    reclaim,
    stop,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import forced


def put_back(database: TestDatabase, running: Running, **write: object) -> None:
    """Commit that the same task is due again in an hour."""
    assert commit(
        database,
        (running.task_id, running.fence, a_decision("pending", at=after(hours=1), task=write)),
    )


def test_commit_again_is_for_the_fence_that_committed(database: TestDatabase) -> None:
    """Only the fence that committed gets its result again (I4).

    An older commit in the same batch is stale.
    """
    repeated, moved_on = a_running_task(database), a_running_task(database, a_poll())
    commit(database, (moved_on.task_id, moved_on.fence, a_decision("pending")))
    (begun,) = begin(database, moved_on.task_id)
    commit(
        database,
        (moved_on.task_id, begun["fence"], a_decision()),
        (repeated.task_id, repeated.fence, a_decision()),
    )
    answers = commit(
        database,
        (moved_on.task_id, moved_on.fence, a_decision()),
        (repeated.task_id, repeated.fence, a_decision()),
    )
    assert [row["task_id"] for row in answers] == [repeated.task_id]


def test_same_item_twice_is_returned_once(database: TestDatabase) -> None:
    """A repeated batch that names an item twice gets one row for it."""
    running = a_running_task(database)
    item = (running.task_id, running.fence, a_decision())
    commit(database, item)
    assert len(commit(database, item, item)) == 1


def test_the_cancel_of_a_stop_never_runs_at_once(database: TestDatabase) -> None:
    """The cancel of a stop is sent as a message, with the reason `stop`.

    The plan may have had a cancel for another reason.
    """
    running = a_running_task(database, a_poll())
    stop(database, running.instance_id)
    (row,) = commit(
        database,
        (
            running.task_id,
            running.fence,
            a_decision(next_task=a_cancel(reason="timeout", run=True)),
        ),
    )
    assert (row["next_status"], row["send"]["phase"]) == ("queued", "cancel")


def test_a_rescheduled_task_has_its_sends_counted_anew(database: TestDatabase) -> None:
    """Sends are counted since the task was last queued (I8).

    A message that arrived is not counted.
    """
    running = a_running_task(database, a_poll())
    forced(database, running.task_id, sends=19)
    put_back(database, running)
    assert task(database, running.task_id)["sends"] == 0


def test_a_submit_that_was_not_sent_has_a_young_key(database: TestDatabase) -> None:
    """The service does not know the key of a deferred submit (I5).

    The key's age counts from the next begin.
    """
    running = a_running_task(database, a_submit())
    put_back(database, running)
    assert task(database, running.task_id)["first_begun_at"] is None


def test_a_submit_that_was_sent_keeps_the_age_of_its_key(database: TestDatabase) -> None:
    """The service may know the key from its first begin on (I5)."""
    running = a_running_task(database, a_submit())
    before = task(database, running.task_id)["first_begun_at"]
    put_back(database, running, outcome_unknown=True)
    assert task(database, running.task_id)["first_begun_at"] == before


def test_a_cancel_keeps_its_first_begin(database: TestDatabase) -> None:
    """The first begin decides when an absent key means that nothing was sent.

    That is the timeout of a call after it.
    """
    running = a_running_task(database, a_cancel())
    before = task(database, running.task_id)["first_begun_at"]
    put_back(database, running)
    assert task(database, running.task_id)["first_begun_at"] == before


@pytest.mark.race
def test_a_lease_begins_after_the_waiting(database: TestDatabase) -> None:
    """A commit that waited for a row lock gives its successor the whole lease."""
    running = a_running_task(database)
    holder, committer = database.session(), database.session()
    holder.begin()
    holder.rows("select pg_advisory_xact_lock(7)")
    item = (running.task_id, running.fence, a_decision(next_task=a_submit(run=True)))
    waiting = start(lambda: commit(committer, item))
    database.until_blocked(committer)
    time.sleep(0.3)
    released = datetime.now(UTC)  # noqa: TID251  # leases are wall time
    holder.commit()
    waiting.result()
    assert task(database, f"{running.instance_id}:2")["lease_expires_at"] >= released + LEASE


def test_a_rescheduled_task_is_leased_until_after_it_is_due(database: TestDatabase) -> None:
    """A message that is queued for later does not expire before it is visible."""
    running = a_running_task(database, a_poll())
    commit(database, (running.task_id, running.fence, a_decision("pending", at=after(seconds=100))))
    left = task(database, running.task_id)["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are wall time
    assert abs(left - LEASE - timedelta(seconds=100)) < timedelta(seconds=5)


def test_a_chained_task_that_is_lost_counts_as_a_crash(database: TestDatabase) -> None:
    """A successor that was inserted as running counts as begun (I8)."""
    running = a_running_task(database)
    commit(database, (running.task_id, running.fence, a_decision(next_task=a_submit(run=True))))
    database.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
        " where lease_expires_at is not null"
    )
    assert [(row["sequence"], row["reclaims"]) for row in reclaim(database)] == [(2, 1)]


def test_an_instance_is_live_until_its_cancel_is_over(database: TestDatabase) -> None:
    """A commit that leaves a cancel behind does not finish its instance (I1)."""
    running = a_running_task(database, a_submit())
    stop(database, running.instance_id)
    commit(
        database,
        (running.task_id, running.fence, a_decision(next_task=a_next(), if_stopping=a_cancel())),
    )
    assert instance(database, running.instance_id)["is_live"] is True
