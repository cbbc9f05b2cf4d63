"""begin_tasks begins a task once per claim, never early, and never during a pause."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from flamebot.domain.task import EffectRequest, Payload
from tests.support.builders import (
    LEASE,
    NOON,
    Started,
    a_cancel,
    a_decision,
    a_next,
    a_running_task,
    a_submit,
    after,
    an_account,
    an_instance,
    begin,
    commit,
    instance,
    pause,
    pause_all,
    resume,
    resume_all,
    stop,
    task,
)
from tests.support.databases import TestDatabase, start


def test_begin_returns_all_that_the_step_needs(database: TestDatabase) -> None:
    """One call returns the task, its instance and the registration of the account."""
    request = EffectRequest(
        method="POST", path="/accounts/{accountId}/swipe-tasks", body={"count": 5}
    )
    account = an_account(
        database, config={"pace": 3}, credentials_version=100_007, registered_version=100_006
    )
    started = an_instance(
        database, a_submit(payload=Payload(request=request), attempts=1), account_id=account
    )
    (row,) = begin(database, started.task_id)
    assert (row["task_id"], row["sequence"], row["step_id"], row["phase"], row["attempts"]) == (
        started.task_id,
        1,
        "swipe",
        "submit",
        1,
    )
    assert row["payload"]["request"]["body"] == {"count": 5}
    assert str(row["instance_id"]) == started.instance_id
    assert row["account_data"] == {
        "account_id": account,
        "model_id": "model-1",
        "channel_id": "channel-1",
        "config": {"pace": 3},
    }
    assert (row["credentials_version"], row["registered_version"]) == (100_007, 100_006)
    assert (row["early"], row["now"], row["global_paused_ms"], row["reclaim_reason"]) == (
        False,
        NOON,
        0,
        None,
    )
    stored = task(database, started.task_id)
    assert (stored["status"], stored["fence"], stored["started_at"]) == (
        "running",
        row["fence"],
        NOON,
    )
    assert stored["first_begun_at"] is not None


def test_second_delivery_of_the_same_message_begins_nothing(database: TestDatabase) -> None:
    """A duplicate delivery does nothing."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    assert len(begin(database, started.task_id, fences=[fence])) == 1
    assert begin(database, started.task_id, fences=[fence]) == []


def test_same_delivery_begins_again_and_gets_the_same_result(database: TestDatabase) -> None:
    """After a lost reply the same delivery id gets the same fence again."""
    started, delivery_id = an_instance(database), str(uuid4())
    fence = task(database, started.task_id)["fence"]
    first = begin(database, started.task_id, delivery_id=delivery_id, fences=[fence])
    again = begin(database, started.task_id, delivery_id=delivery_id, fences=[fence])
    assert [row["fence"] for row in first] == [row["fence"] for row in again]
    assert first[0]["fence"] > fence


def test_stale_fence_begins_nothing(database: TestDatabase) -> None:
    """A message that was sent before the latest claim begins nothing (I4)."""
    started = an_instance(database)
    assert (
        begin(database, started.task_id, fences=[task(database, started.task_id)["fence"] - 1])
        == []
    )
    assert task(database, started.task_id)["status"] == "queued"


def test_early_message_is_returned_as_early_and_changes_nothing(database: TestDatabase) -> None:
    """Nothing begins before its due time (I6); the caller may wait for it."""
    started = an_instance(database, a_next(at=after(seconds=1)))
    before = task(database, started.task_id)
    (row,) = begin(database, started.task_id)
    assert (row["early"], row["now"]) == (True, NOON)
    assert task(database, started.task_id) == before
    (row,) = begin(database, started.task_id, now=after(seconds=1))
    assert row["early"] is False


def test_one_bad_pointer_spoils_no_other(database: TestDatabase) -> None:
    """Unknown, malformed and stale pointers are skipped; the others begin."""
    good, stale = an_instance(database), an_instance(database)
    fences = [task(database, good.task_id)["fence"], 0, 1, 2]
    rows = begin(
        database, good.task_id, stale.task_id, "no task id at all", f"{uuid4()}:1", fences=fences
    )
    assert [row["task_id"] for row in rows] == [good.task_id]


def test_paused_instance_begins_nothing(database: TestDatabase) -> None:
    """After a pause the message in flight begins nothing (I7), also after the resume."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    pause(database, started.instance_id)
    assert begin(database, started.task_id, fences=[fence]) == []
    resume(database, started.instance_id)
    assert begin(database, started.task_id, fences=[fence]) == []
    assert len(begin(database, started.task_id)) == 1


def test_stopped_instance_begins_nothing(database: TestDatabase) -> None:
    """After a stop nothing begins (I7)."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    stop(database, started.instance_id)
    assert begin(database, started.task_id, fences=[fence]) == []


def test_forgotten_flip_is_caught(database: TestDatabase) -> None:
    """A queued task of an instance that is not active is refused, though no function leaves one."""
    for status in ("paused", "stopping", "failed"):
        started = an_instance(database)
        over = ", finished_at = now()" if status == "failed" else ""
        database.rows(
            f"update workflow_instances set status = %s, paused_at = now(){over} where id = %s",
            (status, started.instance_id),
        )
        assert begin(database, started.task_id) == []


def _cancelling(database: TestDatabase) -> Started:
    started = an_instance(database, a_cancel())
    database.rows(
        "update workflow_instances set status = 'stopping' where id = %s", (started.instance_id,)
    )
    return started


def test_global_pause_returns_all_but_cancels_to_pending(database: TestDatabase) -> None:
    """Under a global pause a begin returns its task to pending, and a cancel begins.

    Resuming then waits for no lease.
    """
    waiting, early, cancelling = (
        an_instance(database),
        an_instance(database, a_next(at=after(seconds=5))),
        _cancelling(database),
    )
    fences = [task(database, each.task_id)["fence"] for each in (waiting, early, cancelling)]
    pause_all(database)
    rows = begin(database, waiting.task_id, early.task_id, cancelling.task_id, fences=fences)
    assert [row["task_id"] for row in rows] == [cancelling.task_id]
    for each in (waiting, early):
        given_back = task(database, each.task_id)
        assert (given_back["status"], given_back["lease_expires_at"], given_back["attempts"]) == (
            "pending",
            None,
            0,
        )
    resume_all(database)
    assert begin(database, waiting.task_id, fences=fences[:1]) == []


def test_global_pause_leaves_stale_messages_without_effect(database: TestDatabase) -> None:
    """Only the message that could have begun the task returns it to pending."""
    started = an_instance(database)
    pause_all(database)
    assert begin(database, started.task_id, fences=[0]) == []
    assert task(database, started.task_id)["status"] == "queued"


def test_time_spent_in_global_pauses_is_returned(database: TestDatabase) -> None:
    """Deadlines subtract the pauses that have ended and, for a cancel, the present one."""
    cancelling = _cancelling(database)
    pause_all(database, now=after(hours=-2))
    resume_all(database, now=after(hours=-1))
    pause_all(database, now=after(minutes=-1))
    (row,) = begin(database, cancelling.task_id)
    assert row["global_paused_ms"] == 61 * 60 * 1000


def test_begin_leaves_attempts_and_instance_alone(database: TestDatabase) -> None:
    """An attempt is counted when its result is committed, and begin writes no instance."""
    started = an_instance(database)
    before = instance(database, started.instance_id)
    begin(database, started.task_id)
    assert task(database, started.task_id)["attempts"] == 0
    assert instance(database, started.instance_id) == before


def test_global_pause_leaves_a_running_task_to_its_runner(database: TestDatabase) -> None:
    """A running task of a chain is not returned to pending, not even by its own fence (I4)."""
    running = a_running_task(database)
    (row,) = commit(
        database, (running.task_id, running.fence, a_decision(next_task=a_submit(run=True)))
    )
    pause_all(database)
    assert begin(database, row["next_task_id"], fences=[row["next_fence"]]) == []
    assert task(database, row["next_task_id"])["status"] == "running"


def test_same_delivery_with_another_message_gets_nothing(database: TestDatabase) -> None:
    """A delivery gets the same result only for the message that it began (I4)."""
    started, delivery_id = an_instance(database), str(uuid4())
    fence = task(database, started.task_id)["fence"]
    begin(database, started.task_id, delivery_id=delivery_id, fences=[fence])
    assert begin(database, started.task_id, delivery_id=delivery_id, fences=[fence - 1]) == []


def test_the_first_begin_is_remembered(database: TestDatabase) -> None:
    """A later begin of the same task does not make its key younger (I5).

    The service may know the key since the first.
    """
    running = a_running_task(database, a_submit())
    first = task(database, running.task_id)["first_begun_at"]
    assert first is not None
    commit(
        database,
        (running.task_id, running.fence, a_decision("pending", task={"outcome_unknown": True})),
    )
    begin(database, running.task_id)
    assert task(database, running.task_id)["first_begun_at"] == first


@pytest.mark.race
def test_a_lease_begins_after_the_waiting(database: TestDatabase) -> None:
    """The lease counts from the end of the wait for a row lock."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    holder, beginner = database.session(), database.session()
    holder.begin()
    holder.rows("select pg_advisory_xact_lock(7)")
    waiting = start(lambda: begin(beginner, started.task_id, fences=[fence]))
    database.until_blocked(beginner)
    time.sleep(0.3)
    released = datetime.now(UTC)  # noqa: TID251  # leases are wall time
    holder.commit()
    waiting.result()
    assert task(database, started.task_id)["lease_expires_at"] >= released + LEASE


def test_begin_writes_no_index(database: TestDatabase) -> None:
    """Nothing that begin changes is in an index or its predicate (docs/adr/0016).

    The next version of the row stays in its page.
    """
    ids = [an_instance(database).task_id for _ in range(3)]
    database.main.begin()
    try:
        begin(database, *ids)
        updated = database.one(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables"
            " where relname = 'scheduled_tasks'"
        )
    finally:
        database.main.rollback()
    assert updated == {"n_tup_upd": 3, "n_tup_hot_upd": 3}
