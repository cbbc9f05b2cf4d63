"""stop_workflow stops at once if no job can be open; otherwise a cancel task runs first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.domain.errors import NotAllowed, NotFound
from flamebot.domain.task import Phase
from tests.support.builders import (
    NOON,
    a_cancel,
    a_decision,
    a_next,
    a_submit,
    after,
    an_instance,
    begin,
    commit,
    instance,
    live_tasks,
    pause_all,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import (
    ALICE,
    REQUEST,
    audit,
    control,
    failed,
    last_task,
    polling,
    running,
    unsure,
)


@pytest.mark.parametrize("phase", [Phase.TIMER, Phase.GENERATE, Phase.SUBMIT])
@pytest.mark.parametrize("paused", [False, True])
def test_what_only_waits_is_stopped_at_once(
    database: TestDatabase, phase: Phase, paused: bool
) -> None:
    """The waiting task is cancelled, and no task is left to run."""
    started = an_instance(database, a_next(phase, at=after(hours=1)))
    if paused:
        control(database).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(minutes=1)).stop_workflow(started.instance_id, ALICE)
    assert changed.workflow["status"] == "stopped"
    assert changed.workflow["finished_at"] == after(minutes=1)
    assert changed.workflow["next_action_at"] is None
    assert changed.send == []
    assert live_tasks(database, started.instance_id) == []
    assert task(database, started.task_id)["status"] == "cancelled"


def test_a_message_on_its_way_is_void(database: TestDatabase) -> None:
    """A task that was queued when its workflow was stopped never begins."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    control(database).stop_workflow(started.instance_id, ALICE)
    assert begin(database, started.task_id, fences=[fence]) == []


@pytest.mark.parametrize("paused", [False, True])
def test_an_open_job_gets_a_cancel_task(database: TestDatabase, paused: bool) -> None:
    """The cancel is queued at once, with the job id and the payload of the step.

    It begins although the workflow is stopping.
    """
    started = polling(database, after(minutes=1))
    if paused:
        control(database).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(minutes=2)).stop_workflow(started.instance_id, ALICE)
    assert changed.workflow["status"] == "stopping"
    assert changed.workflow["effect_in_flight"] is True
    assert changed.workflow["next_action_at"] == after(minutes=2)
    (pointer,) = changed.send
    assert (pointer.task_id, pointer.phase, pointer.due) == (
        f"{started.instance_id}:2",
        Phase.CANCEL,
        after(minutes=2),
    )
    (begun,) = begin(database, pointer.task_id, fences=[pointer.fence], now=after(minutes=2))
    assert begun["payload"]["job_id"] == "job-1"
    assert begun["payload"]["key"] == "key-1"
    assert begun["payload"]["reason"] == "stop"
    assert begun["payload"]["request"]["body"] == {"count": 5}
    assert begun["payload"]["started_at"] == NOON.isoformat()
    assert "polls" not in begun["payload"]
    assert (begun["step_id"], begun["action"], begun["attempts"]) == (
        "swipe",
        "swipe_with_spectre",
        0,
    )


def test_a_submit_of_unknown_outcome_is_looked_up_by_its_key(database: TestDatabase) -> None:
    """The cancel has the submit's key, because its job may exist."""
    started = unsure(database)
    changed = control(database, after(seconds=10)).stop_workflow(started.instance_id, ALICE)
    cancel = last_task(database, started.instance_id)
    assert changed.workflow["status"] == "stopping"
    assert (cancel["phase"], cancel["status"], cancel["sequence"]) == ("cancel", "queued", 2)
    assert cancel["payload"]["key"] == started.task_id
    assert "job_id" not in cancel["payload"]
    assert task(database, started.task_id)["status"] == "cancelled"


def test_the_cancel_begins_under_the_global_pause_too(database: TestDatabase) -> None:
    """No pause affects the cancel of a stop."""
    started = polling(database)
    pause_all(database)
    (pointer,) = control(database).stop_workflow(started.instance_id, ALICE).send
    assert len(begin(database, pointer.task_id, fences=[pointer.fence])) == 1


def test_a_running_task_is_left_to_its_commit(database: TestDatabase) -> None:
    """The workflow is stopping until the running task commits."""
    started = running(database)
    changed = control(database).stop_workflow(started.instance_id, ALICE)
    assert changed.workflow["status"] == "stopping"
    assert changed.send == []
    assert live_tasks(database, started.instance_id) == ["running"]
    commit(database, (started.task_id, task(database, started.task_id)["fence"], a_decision()))
    assert instance(database, started.instance_id)["status"] == "stopped"
    assert live_tasks(database, started.instance_id) == []


def test_a_submit_that_commits_while_stopping_gets_its_job_cancelled(
    database: TestDatabase,
) -> None:
    """A job that was opened during the stop is cancelled."""
    started = running(database, a_submit())
    control(database).stop_workflow(started.instance_id, ALICE)
    fence = task(database, started.task_id)["fence"]
    commit(database, (started.task_id, fence, a_decision(if_stopping=a_cancel())))
    cancel = last_task(database, started.instance_id)
    assert (cancel["phase"], cancel["status"], cancel["payload"]["reason"]) == (
        "cancel",
        "queued",
        "stop",
    )


def test_a_step_that_fails_while_it_is_stopped_leaves_no_error_behind_its_cancel(
    database: TestDatabase,
) -> None:
    """Its job may be open and is cancelled first.

    Once that is confirmed, the workflow is stopped without an error.
    """
    started = running(database, a_submit())
    control(database).stop_workflow(started.instance_id, ALICE)
    lost = a_decision(
        "failed",
        status="failed",
        instance={"last_error": "outcome_unknown: 503"},
        if_stopping=a_cancel(),
    )
    commit(database, (started.task_id, task(database, started.task_id)["fence"], lost))
    cancel = last_task(database, started.instance_id)
    assert (cancel["phase"], instance(database, started.instance_id)["last_error"]) == (
        "cancel",
        None,
    )
    (begun,) = begin(database, cancel["task_id"])
    commit(database, (cancel["task_id"], begun["fence"], a_decision(status="stopped")))
    stopped = instance(database, started.instance_id)
    assert (stopped["status"], stopped["last_error"]) == ("stopped", None)


def test_a_cancel_that_waits_already_goes_on_as_the_stop(database: TestDatabase) -> None:
    """The cancel after a step's timeout becomes the stop's cancel, in the same row."""
    started = an_instance(database, a_cancel(after(minutes=30), "timeout"))
    before = task(database, started.task_id)
    changed = control(database).stop_workflow(started.instance_id, ALICE)
    now = task(database, started.task_id)
    assert changed.workflow["status"] == "stopping"
    assert now["payload"]["reason"] == "stop"
    assert (now["status"], now["fence"]) == (before["status"], before["fence"])


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_stopping_again_changes_nothing(database: TestDatabase, state: str) -> None:
    """A repeated stop returns the same, also what is to be sent, and adds no cancel.

    The audit log has both calls.
    """
    started = polling(database) if state == "stopping" else an_instance(database)
    first = control(database).stop_workflow(started.instance_id, ALICE)
    second = control(database, after(minutes=5)).stop_workflow(started.instance_id, ALICE)
    assert second == first
    assert second.workflow["status"] == state
    assert len(second.send) == (state == "stopping")
    assert [row["after"] for row in audit(database, "stop_workflow")] == [{"status": state}] * 2


@pytest.mark.parametrize("paused", [False, True])
def test_the_audit_log_tells_both_states(database: TestDatabase, paused: bool) -> None:
    """The audit log has the caller and both states."""
    started = polling(database)
    if paused:
        control(database).pause_workflow(started.instance_id, ALICE)
    control(database).stop_workflow(started.instance_id, ALICE)
    (row,) = audit(database, "stop_workflow")
    assert (row["actor"], row["reason"], row["subject"]) == (
        "alice",
        "because",
        f"workflow/{started.instance_id}",
    )
    assert (row["before"], row["after"]) == (
        {"status": "paused" if paused else "active"},
        {"status": "stopping"},
    )


def test_a_failed_workflow_cannot_be_stopped(database: TestDatabase) -> None:
    """A failed workflow cannot be stopped; it can be retried."""
    started = failed(database)
    with pytest.raises(NotAllowed) as refusal:
        control(database).stop_workflow(started.instance_id, ALICE)
    assert refusal.value.context["allowed"] == ["retry"]


def test_an_unknown_workflow_is_not_found(database: TestDatabase) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).stop_workflow("00000000-0000-4000-8000-000000000000", ALICE)


def test_the_account_is_free_only_when_the_job_is_gone(database: TestDatabase) -> None:
    """A stopping workflow is live: no other one starts on its account (I1)."""
    started = polling(database)
    control(database).stop_workflow(started.instance_id, ALICE)
    assert database.value("select has_active_workflow(%s)", (started.account_id,)) is True
    cancel = last_task(database, started.instance_id)
    (begun,) = begin(database, cancel["task_id"])
    commit(database, (cancel["task_id"], begun["fence"], a_decision(status="stopped")))
    assert database.value("select has_active_workflow(%s)", (started.account_id,)) is False


@pytest.mark.race
def test_stop_waits_for_a_begin_and_then_leaves_the_task_to_it(database: TestDatabase) -> None:
    """After a begin the workflow is stopping, never stopped with a running task (I7)."""
    started = an_instance(database, a_submit())
    beginner, stopper = database.session(), database.session()
    beginner.begin()
    assert begin(beginner, started.task_id)
    waiting = start(
        lambda: stopper.one(
            "select stop_workflow(%s, %s, %s, 'a', null)",
            (started.instance_id, NOON, timedelta(seconds=90)),
        )
    )
    database.until_blocked(stopper)
    beginner.commit()
    waiting.result()
    assert instance(database, started.instance_id)["status"] == "stopping"
    assert live_tasks(database, started.instance_id) == ["running"]


@pytest.mark.race
def test_a_begin_that_meets_a_stop_begins_nothing(database: TestDatabase) -> None:
    """A begin that waited for a stop begins nothing."""
    started = an_instance(database, a_submit())
    fence = task(database, started.task_id)["fence"]
    stopper, beginner = database.session(), database.session()
    stopper.begin()
    stopper.rows(
        "select stop_workflow(%s, %s, %s, 'a', null)",
        (started.instance_id, NOON, timedelta(seconds=90)),
    )
    waiting = start(lambda: begin(beginner, started.task_id, fences=[fence]))
    database.until_blocked(beginner)
    stopper.commit()
    assert waiting.result() == []
    assert instance(database, started.instance_id)["status"] == "stopped"


def test_the_cancel_has_the_request_of_its_job(database: TestDatabase) -> None:
    """The request of the job stays with the cancel.

    If the job has succeeded, the history can say so.
    """
    started = polling(database)
    control(database).stop_workflow(started.instance_id, ALICE)
    assert last_task(database, started.instance_id)["payload"]["request"]["path"] == REQUEST.path
