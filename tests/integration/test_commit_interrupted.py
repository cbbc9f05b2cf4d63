"""commit_tasks during a pause or a stop: the next task is held, pending or a cancel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.builders import (
    NOON,
    Running,
    a_cancel,
    a_decision,
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
    pause_all,
    second,
    stop,
    task,
)
from tests.support.databases import TestDatabase


def stopping(database: TestDatabase, running: Running) -> None:
    """Stop an instance while its task runs."""
    stop(database, running.instance_id)
    assert instance(database, running.instance_id)["status"] == "stopping"


def a_stopping_cancel(database: TestDatabase) -> Running:
    """Return a cancel task that runs for a stopping instance."""
    running = a_running_task(database, a_cancel())
    stopping(database, running)
    return running


def test_paused_instance_holds_what_follows(database: TestDatabase) -> None:
    """The running task finishes. Its successor is held, even if it was to run at once (I7)."""
    running = a_running_task(database)
    pause(database, running.instance_id)
    row = commit_one(database, running, a_decision(next_task=a_submit(run=True)))
    assert (row["instance_status"], row["next_status"], row["send"]) == ("paused", "held", None)
    held = task(database, second(running))
    assert (held["held_at"], held["scheduled_for"], held["lease_expires_at"]) == (NOON, NOON, None)
    assert instance(database, running.instance_id)["next_action_at"] is None


def test_paused_instance_holds_the_same_row(database: TestDatabase) -> None:
    """A retry of a paused instance waits for resume, with its remaining wait."""
    running = a_running_task(database, a_submit())
    pause(database, running.instance_id)
    commit_one(database, running, a_decision("pending", at=after(seconds=40)))
    held = task(database, running.task_id)
    assert (held["status"], held["scheduled_for"] - held["held_at"]) == (
        "held",
        timedelta(seconds=40),
    )


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_paused_instance_can_end(database: TestDatabase, status: Any) -> None:
    """A paused instance whose last task completes is completed."""
    running = a_running_task(database)
    pause(database, running.instance_id)
    assert (
        commit_one(database, running, a_decision("completed", status=status))["instance_status"]
        == status
    )
    assert instance(database, running.instance_id)["paused_at"] is None


def test_cancel_is_never_held(database: TestDatabase) -> None:
    """The cancel after a timeout runs during any pause, as a next task and as the same task."""
    running = a_running_task(database, a_poll())
    pause(database, running.instance_id)
    row = commit_one(database, running, a_decision(next_task=a_cancel(reason="timeout")))
    assert row["next_status"] == "queued"
    (begun,) = begin(database, second(running))
    pause_all(database)
    (row,) = commit(
        database, (second(running), begun["fence"], a_decision("pending", at=after(seconds=5)))
    )
    assert row["send"]["phase"] == "cancel"


def test_global_pause_lets_nothing_follow_at_once(database: TestDatabase) -> None:
    """Running tasks finish; the next ones are pending, neither running nor queued (I7)."""
    chained, retried = a_running_task(database), a_running_task(database, a_submit())
    pause_all(database)
    first = commit_one(database, chained, a_decision(next_task=a_submit(run=True)))
    other = commit_one(database, retried, a_decision("pending", at=after(seconds=5)))
    assert (first["next_status"], first["send"], other["send"]) == ("pending", None, None)
    assert task(database, retried.task_id)["status"] == "pending"


def test_stopping_instance_stops_when_no_job_is_open(database: TestDatabase) -> None:
    """The result is kept, no task follows, and the account is free."""
    running = a_running_task(database)
    stopping(database, running)
    row = commit_one(
        database,
        running,
        a_decision(
            next_task=a_submit(run=True),
            instance={"context": {"rest": {"x": 1}}},
            history=(an_entry(),),
        ),
    )
    assert (row["instance_status"], row["next_task_id"]) == ("stopped", None)
    stored = instance(database, running.instance_id)
    assert (stored["status"], stored["execution_context"], stored["finished_at"]) == (
        "stopped",
        {"rest": {"x": 1}},
        NOON,
    )
    assert task(database, running.task_id)["status"] == "completed"
    assert database.value("select count(*) from step_history") == 1
    assert live_tasks(database, running.instance_id) == []


def test_stopping_instance_cancels_the_job_that_was_just_submitted(database: TestDatabase) -> None:
    """The cancel task replaces the planned next task and is sent."""
    running = a_running_task(database, a_submit())
    stopping(database, running)
    decision = a_decision(next_task=a_poll(run=True), if_stopping=a_cancel(reason="timeout"))
    row = commit_one(database, running, decision)
    assert (row["instance_status"], row["next_status"], row["send"]["phase"]) == (
        "stopping",
        "queued",
        "cancel",
    )
    assert task(database, second(running))["payload"]["reason"] == "stop"
    assert live_tasks(database, running.instance_id) == ["queued"]


def test_stopping_instance_cancels_what_may_exist(database: TestDatabase) -> None:
    """A submit of unknown outcome is not sent again.

    Its row ends, and a cancel looks its key up.
    """
    running = a_running_task(database, a_submit())
    stopping(database, running)
    decision = a_decision(
        "pending",
        at=after(seconds=30),
        task={"outcome_unknown": True, "attempts": 1},
        if_stopping=a_cancel(),
    )
    row = commit_one(database, running, decision)
    assert (row["instance_status"], row["send"]["phase"]) == ("stopping", "cancel")
    assert task(database, running.task_id)["status"] == "cancelled"


def test_stopping_instance_drops_a_retry_without_a_job(database: TestDatabase) -> None:
    """The retry of a text is dropped, because no job can be open."""
    running = a_running_task(database)
    stopping(database, running)
    row = commit_one(database, running, a_decision("pending", at=after(seconds=30)))
    assert (row["instance_status"], task(database, running.task_id)["status"]) == (
        "stopped",
        "cancelled",
    )


def test_stopping_instance_absorbs_success_and_failure(database: TestDatabase) -> None:
    """After a stop the results completed and failed become stopped.

    Only the stop's own cancel may leave an error.
    """
    for status in ("completed", "failed"):
        running = a_running_task(database)
        stopping(database, running)
        row = commit_one(
            database,
            running,
            a_decision("completed", status=status, instance={"last_error": "refused: no"}),
        )
        assert (row["instance_status"], instance(database, running.instance_id)["last_error"]) == (
            "stopped",
            None,
        )


def test_cancel_that_is_tried_again_keeps_the_instance_stopping(database: TestDatabase) -> None:
    """The same cancel task is queued again, even during a global pause."""
    running = a_stopping_cancel(database)
    pause_all(database)
    row = commit_one(
        database, running, a_decision("pending", at=after(seconds=30), if_stopping=a_cancel())
    )
    assert (row["instance_status"], row["next_task_id"], row["send"]["task_id"]) == (
        "stopping",
        None,
        running.task_id,
    )


def test_cancel_that_is_done_ends_in_stopped(database: TestDatabase) -> None:
    """A finished cancel stops the instance, with an error if it could not be confirmed."""
    running = a_stopping_cancel(database)
    decision = a_decision(
        "failed", status="stopped", instance={"last_error": "cancel_unconfirmed: no answer"}
    )
    assert commit_one(database, running, decision)["instance_status"] == "stopped"
    assert instance(database, running.instance_id)["last_error"] == "cancel_unconfirmed: no answer"


def test_the_cancel_of_a_timeout_becomes_that_of_the_stop(database: TestDatabase) -> None:
    """A cancel that the planner chose is kept when the instance is stopping."""
    running = a_running_task(database, a_poll())
    stopping(database, running)
    row = commit_one(database, running, a_decision(next_task=a_cancel(reason="timeout")))
    assert (row["instance_status"], row["next_status"]) == ("stopping", "queued")
    assert task(database, second(running))["payload"]["reason"] == "stop"
