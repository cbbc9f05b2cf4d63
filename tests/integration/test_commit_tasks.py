"""commit_tasks writes a decision once, as a whole, and only under its task's fence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from flamebot.domain.task import EffectRequest, Payload
from tests.support.builders import (
    LEASE,
    NOON,
    a_decision,
    a_next,
    a_poll,
    a_running_task,
    a_submit,
    after,
    an_entry,
    begin,
    commit,
    commit_one,
    instance,
    live_tasks,
    pause,
    reclaim,
    second,
    task,
)
from tests.support.databases import TestDatabase


def test_commit_writes_task_instance_history_and_next_task(database: TestDatabase) -> None:
    """One commit writes the outcome, the history, the current step and the next task."""
    running = a_running_task(database)
    request = EffectRequest(
        method="PUT", path="/accounts/{accountId}/prompt", body={"text": "hello"}
    )
    decision = a_decision(
        "completed",
        a_submit(
            at=after(hours=2),
            payload=Payload(request=request, text="hello", started_at=NOON),
            attempts=2,
        ),
        task={"result": {"ok": True}, "attempts": 1},
        instance={"current_step": 2, "context": {"rest": {}}, "iterations": {"loop": 1}},
        history=(an_entry(), an_entry(step_id="loop", action="goto", result={"to": "rest"})),
    )
    row = commit_one(database, running, decision, now=after(seconds=3))
    assert (row["instance_status"], row["next_task_id"], row["next_status"], row["send"]) == (
        "active",
        second(running),
        "pending",
        None,
    )
    done = task(database, running.task_id)
    assert (
        done["status"],
        done["result"],
        done["attempts"],
        done["finished_at"],
        done["lease_expires_at"],
    ) == (
        "completed",
        {"ok": True},
        1,
        after(seconds=3),
        None,
    )
    following = task(database, second(running))
    assert (
        following["status"],
        following["sequence"],
        following["phase"],
        following["scheduled_for"],
    ) == (
        "pending",
        2,
        "submit",
        after(hours=2),
    )
    assert (following["step_id"], following["action"], following["attempts"]) == (
        "swipe",
        "swipe_with_spectre",
        2,
    )
    assert following["payload"]["request"] == {
        "method": "PUT",
        "path": "/accounts/{accountId}/prompt",
        "body": {"text": "hello"},
    }
    stored = instance(database, running.instance_id)
    assert (
        stored["current_step"],
        stored["execution_context"],
        stored["goto_iterations"],
        stored["revision"],
    ) == (
        2,
        {"rest": {}},
        {"loop": 1},
        1,
    )
    assert (stored["next_action_at"], stored["history_count"], stored["updated_at"]) == (
        after(hours=2),
        2,
        after(seconds=3),
    )
    history = database.rows(
        "select * from step_history where instance_id = %s order by sequence",
        (running.instance_id,),
    )
    assert [
        (line["sequence"], line["step_id"], line["status"], line["result"]) for line in history
    ] == [
        (1, "rest", "completed", None),
        (2, "loop", "completed", {"to": "rest"}),
    ]


def test_what_is_not_said_stays_as_it_was(database: TestDatabase) -> None:
    """Context, counters and last error that a decision leaves out stay unchanged."""
    running = a_running_task(database)
    database.rows(
        "update workflow_instances"
        " set execution_context = %s, goto_iterations = %s, last_error = 'old'",
        ('{"a": 1}', '{"g": 2}'),
    )
    commit_one(database, running, a_decision())
    stored = instance(database, running.instance_id)
    assert (stored["execution_context"], stored["goto_iterations"], stored["last_error"]) == (
        {"a": 1},
        {"g": 2},
        "old",
    )


def test_history_numbers_go_on(database: TestDatabase) -> None:
    """History is numbered without gaps over all commits."""
    running = a_running_task(database)
    commit_one(
        database, running, a_decision(next_task=a_next(at=NOON), history=(an_entry(), an_entry()))
    )
    (row,) = begin(database, second(running))
    commit(database, (second(running), row["fence"], a_decision(history=(an_entry(),))))
    numbers = database.rows("select sequence from step_history order by sequence")
    assert [line["sequence"] for line in numbers] == [1, 2, 3]


def test_next_task_due_within_the_horizon_is_queued_and_returned(database: TestDatabase) -> None:
    """The pointer comes with the result, for the caller to send."""
    running = a_running_task(database)
    row = commit_one(database, running, a_decision(next_task=a_poll(at=after(seconds=100))))
    assert row["next_status"] == "queued"
    assert row["send"] | {"due": None} == {
        "task_id": second(running),
        "fence": row["next_fence"],
        "account_id": running.account_id,
        "phase": "poll",
        "due": None,
        "alone": False,
    }
    assert datetime.fromisoformat(row["send"]["due"]) == after(seconds=100)
    left = task(database, second(running))["lease_expires_at"] - datetime.now(UTC)  # noqa: TID251  # leases are wall time
    assert abs(left - LEASE - timedelta(seconds=100)) < timedelta(seconds=5)


def test_next_task_runs_at_once_when_requested(database: TestDatabase) -> None:
    """A chain continues without the queue.

    The next task runs under its own fence, for the same delivery.
    """
    running = a_running_task(database)
    row = commit_one(database, running, a_decision(next_task=a_submit(run=True)))
    assert (row["next_status"], row["send"]) == ("running", None)
    successor = task(database, second(running))
    assert (successor["status"], successor["fence"], successor["begun_by"]) == (
        "running",
        row["next_fence"],
        task(database, running.task_id)["begun_by"],
    )
    assert successor["first_begun_at"] is not None
    assert len(commit(database, (second(running), row["next_fence"], a_decision()))) == 1


@pytest.mark.parametrize(("seconds", "status"), [(1, "queued"), (3600, "pending")])
def test_next_task_that_is_not_due_does_not_run(
    database: TestDatabase, seconds: int, status: str
) -> None:
    """Nothing begins before its due time (I6)."""
    running = a_running_task(database)
    assert (
        commit_one(
            database, running, a_decision(next_task=a_submit(at=after(seconds=seconds), run=True))
        )["next_status"]
        == status
    )


def test_same_row_again(database: TestDatabase) -> None:
    """A retry or a poll reschedules the same task, with its new payload and count."""
    running = a_running_task(database, a_submit())
    decision = a_decision(
        "pending",
        at=after(hours=1),
        task={
            "attempts": 1,
            "outcome_unknown": True,
            "error": "outcome_unknown: 503",
            "payload": Payload(polls=3),
        },
        history=(an_entry("retried"),),
    )
    row = commit_one(database, running, decision)
    assert (row["next_task_id"], row["next_status"], row["send"]) == (None, None, None)
    again = task(database, running.task_id)
    assert (
        again["status"],
        again["scheduled_for"],
        again["attempts"],
        again["outcome_unknown"],
    ) == ("pending", after(hours=1), 1, True)
    assert (again["error"], again["payload"], again["finished_at"]) == (
        "outcome_unknown: 503",
        {"polls": 3},
        None,
    )
    assert instance(database, running.instance_id)["next_action_at"] == after(hours=1)
    assert live_tasks(database, running.instance_id) == ["pending"]


def test_same_row_again_within_the_horizon_is_queued_and_returned(database: TestDatabase) -> None:
    """A rescheduled task that is due soon is sent like a next task, under a new fence."""
    running = a_running_task(database, a_poll())
    row = commit_one(database, running, a_decision("pending", at=after(seconds=2)))
    again = task(database, running.task_id)
    assert (again["status"], again["sends"], row["send"]["task_id"], row["send"]["fence"]) == (
        "queued",
        1,
        running.task_id,
        again["fence"],
    )
    assert again["fence"] > running.fence
    assert len(begin(database, running.task_id, now=after(seconds=2))) == 1


@pytest.mark.parametrize("status", ["completed", "failed", "stopped"])
def test_decision_may_end_the_instance(database: TestDatabase, status: Any) -> None:
    """An ended instance has no live task and frees its account."""
    running = a_running_task(database)
    row = commit_one(
        database,
        running,
        a_decision("failed", status=status, instance={"last_error": "refused: no"}),
    )
    stored = instance(database, running.instance_id)
    assert (row["instance_status"], stored["status"], stored["last_error"]) == (
        status,
        status,
        "refused: no",
    )
    assert (stored["finished_at"], stored["next_action_at"]) == (NOON, None)
    assert live_tasks(database, running.instance_id) == []
    assert database.value("select has_active_workflow(%s)", (running.account_id,)) is False


def test_stale_item_changes_nothing(database: TestDatabase) -> None:
    """An item with a stale fence is not returned, and does not affect other items (I4)."""
    good, stale = a_running_task(database), a_running_task(database)
    before = task(database, stale.task_id)
    rows = commit(
        database,
        (good.task_id, good.fence, a_decision()),
        (stale.task_id, stale.fence - 1, a_decision()),
        ("nonsense", 1, a_decision()),
    )
    assert [row["task_id"] for row in rows] == [good.task_id]
    assert task(database, stale.task_id) == before


def test_commit_again_returns_the_same(database: TestDatabase) -> None:
    """A commit that is repeated after a lost reply has the same result (I3).

    Status and fence of the successor are returned, and nothing is written twice.
    """
    running = a_running_task(database)
    decision = a_decision(next_task=a_submit(run=True), history=(an_entry(),))
    first = commit_one(database, running, decision)
    assert commit_one(database, running, decision) == first
    assert database.value("select count(*) from scheduled_tasks") == 2
    assert instance(database, running.instance_id)["revision"] == 1


def test_commit_again_returns_the_present_state_of_the_successor(database: TestDatabase) -> None:
    """A successor that was queued anew or held since is returned as it is now."""
    running = a_running_task(database)
    decision = a_decision(next_task=a_next(at=after(seconds=5)))
    first = commit_one(database, running, decision)
    assert commit_one(database, running, decision)["send"] == first["send"]
    pause(database, running.instance_id)
    again = commit_one(database, running, decision)
    assert (again["instance_status"], again["next_status"], again["send"]) == (
        "paused",
        "held",
        None,
    )


def test_commit_again_never_returns_the_fence_of_another_delivery(database: TestDatabase) -> None:
    """A repeated commit does not get the fence of a successor that was reclaimed (I4)."""
    running = a_running_task(database)
    decision = a_decision(next_task=a_submit(run=True))
    commit_one(database, running, decision)
    database.rows(
        "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
        " where task_id = %s",
        (second(running),),
    )
    reclaim(database)
    again = commit_one(database, running, decision)
    assert (again["next_task_id"], again["next_status"], again["next_fence"]) == (
        second(running),
        None,
        None,
    )


def test_same_item_twice_in_a_batch_counts_once(database: TestDatabase) -> None:
    """A batch that names an item twice writes it once."""
    running = a_running_task(database)
    item = (running.task_id, running.fence, a_decision(history=(an_entry(),)))
    commit(database, item, item)
    assert database.value("select count(*) from step_history") == 1


def test_one_item_that_cannot_be_stored_refuses_the_call_and_changes_nothing(
    database: TestDatabase,
) -> None:
    """A batch is one transaction; the caller splits it."""
    good, bad = a_running_task(database), a_running_task(database)
    huge = a_decision(instance={"context": {str(n): f"{n:032x}" * 8 for n in range(400)}})
    with pytest.raises(psycopg2.errors.CheckViolation):
        commit(database, (good.task_id, good.fence, a_decision()), (bad.task_id, bad.fence, huge))
    assert task(database, good.task_id)["status"] == "running"
    assert len(commit(database, (good.task_id, good.fence, a_decision()))) == 1
