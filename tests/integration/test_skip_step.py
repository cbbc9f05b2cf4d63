"""skip_step skips a waiting step, but none that may have an open job at the service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import Busy, NotAllowed, NotFound, RevisionConflict
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_cancel,
    a_next,
    a_submit,
    after,
    an_entry,
    an_instance,
    begin,
    instance,
    live_tasks,
    pause_all,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control, failed, last_task, polling, running, unsure

PAST = Decision(
    task=None,
    instance=InstanceWrite(current_step=1, context={"rest": {}}, iterations={"loop": 1}),
    history=(an_entry("skipped"),),
    next=a_submit(after(hours=1)),
)
TO_THE_END = Decision(
    task=None,
    instance=InstanceWrite(current_step=2, status="completed"),
    history=(an_entry("skipped"),),
)


def test_the_waiting_task_is_cancelled_and_the_next_one_inserted(database: TestDatabase) -> None:
    """Instance, history and next task are as decided. The sequence has no gap (I3)."""
    started = an_instance(database, a_next(at=after(hours=5)))
    changed = control(database, after(minutes=1)).skip_step(started.instance_id, 0, PAST, ALICE)
    row, following = (
        instance(database, started.instance_id),
        last_task(database, started.instance_id),
    )
    assert task(database, started.task_id)["status"] == "cancelled"
    assert (
        following["sequence"],
        following["phase"],
        following["status"],
        following["scheduled_for"],
    ) == (
        2,
        "submit",
        "pending",
        after(hours=1),
    )
    assert (row["current_step"], row["execution_context"], row["goto_iterations"]) == (
        1,
        {"rest": {}},
        {"loop": 1},
    )
    assert changed.workflow["next_action_at"] == after(hours=1)
    assert changed.send == []
    (entry,) = database.rows("select * from step_history")
    assert (entry["sequence"], entry["step_id"], entry["status"]) == (1, "rest", "skipped")


def test_what_is_due_soon_is_queued_and_answered(database: TestDatabase) -> None:
    """A next task that is due soon is queued and returned for sending."""
    started = an_instance(database, a_next(at=after(hours=5)))
    soon = replace(PAST, next=a_submit(NOON, run=True))
    (pointer,) = control(database).skip_step(started.instance_id, 0, soon, ALICE).send
    assert len(begin(database, pointer.task_id, fences=[pointer.fence])) == 1


def test_the_message_of_the_skipped_task_is_void(database: TestDatabase) -> None:
    """A queued task may be skipped; its message then begins nothing."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    control(database).skip_step(started.instance_id, 0, PAST, ALICE)
    assert begin(database, started.task_id, fences=[fence]) == []


def test_a_paused_workflow_stays_paused(database: TestDatabase) -> None:
    """The next task of a paused workflow is held."""
    started = an_instance(database, a_next(at=after(hours=5)))
    control(database).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(minutes=1)).skip_step(started.instance_id, 1, PAST, ALICE)
    held = last_task(database, started.instance_id)
    assert (held["status"], held["held_at"]) == ("held", after(minutes=1))
    assert changed.workflow["status"] == "paused"
    assert changed.workflow["next_action_at"] is None


@pytest.mark.parametrize("paused", [False, True])
def test_skipping_the_last_step_completes_the_workflow(
    database: TestDatabase, paused: bool
) -> None:
    """Nothing is left to wait for; the account is free, and what is over is not paused."""
    started = an_instance(database)
    if paused:
        control(database).pause_workflow(started.instance_id, ALICE)
    changed = control(database, after(minutes=1)).skip_step(
        started.instance_id, int(paused), TO_THE_END, ALICE
    )
    assert changed.workflow["status"] == "completed"
    assert changed.workflow["finished_at"] == after(minutes=1)
    assert changed.workflow["paused_at"] is None
    assert live_tasks(database, started.instance_id) == []


def test_under_the_global_pause_nothing_is_queued(database: TestDatabase) -> None:
    """The next task is pending until the global pause ends."""
    started = an_instance(database)
    pause_all(database)
    changed = control(database).skip_step(
        started.instance_id, 0, replace(PAST, next=a_submit(NOON)), ALICE
    )
    assert changed.send == []
    assert live_tasks(database, started.instance_id) == ["pending"]


@pytest.mark.parametrize("state", ["running", "polling", "unsure", "cancelling"])
def test_a_step_at_work_is_busy(database: TestDatabase, state: str) -> None:
    """A step that runs, or whose job may be open, is refused as busy."""
    match state:
        case "running":
            started = running(database)
        case "polling":
            started = polling(database)
        case "unsure":
            started = unsure(database)
        case _:
            started = an_instance(database, a_cancel(reason="timeout"))
    before = instance(database, started.instance_id)
    with pytest.raises(Busy):
        control(database).skip_step(started.instance_id, before["revision"], PAST, ALICE)
    assert instance(database, started.instance_id) == before
    assert audit(database, "skip_step") == []


def test_a_finished_workflow_has_no_step_to_skip(database: TestDatabase) -> None:
    """The refusal lists the allowed actions."""
    started = failed(database)
    with pytest.raises(NotAllowed) as refusal:
        control(database).skip_step(started.instance_id, 1, PAST, ALICE)
    assert refusal.value.context["allowed"] == ["retry"]


def test_a_plan_for_a_former_revision_is_refused(database: TestDatabase) -> None:
    """The same request twice skips one step."""
    started = an_instance(database)
    control(database).skip_step(started.instance_id, 0, PAST, ALICE)
    with pytest.raises(RevisionConflict):
        control(database).skip_step(started.instance_id, 0, PAST, ALICE)


def test_an_unknown_workflow_is_not_found(database: TestDatabase) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).skip_step("00000000-0000-4000-8000-000000000000", 0, PAST, ALICE)


@pytest.mark.parametrize(
    "decision", [replace(PAST, next=None), replace(TO_THE_END, next=a_submit())]
)
def test_a_decision_that_breaks_i2_is_refused_whole(
    database: TestDatabase, decision: Decision
) -> None:
    """A live instance without a task, or a finished one with one, is never written."""
    started = an_instance(database)
    with pytest.raises(Exception, match="23514"):
        control(database).skip_step(started.instance_id, 0, decision, ALICE)
    assert live_tasks(database, started.instance_id) == ["queued"]


def test_the_audit_log_tells_which_step(database: TestDatabase) -> None:
    """The audit log has the skipped step and the next one."""
    started = an_instance(database)
    control(database).skip_step(started.instance_id, 0, PAST, ALICE)
    (row,) = audit(database, "skip_step")
    assert row["before"] == {"status": "active", "current_step": 0, "step_id": "rest"}
    assert row["after"] == {"status": "active", "current_step": 1}


@pytest.mark.race
def test_a_begin_that_came_first_makes_it_busy(database: TestDatabase) -> None:
    """Skip waits for the begin, and then finds the step running."""
    started = an_instance(database)
    beginner, skipper = database.session(), database.session()
    beginner.begin()
    assert begin(beginner, started.task_id)
    params = (started.instance_id, to_json(decision_json(PAST)), NOON, HORIZON, LEASE)
    waiting = start(
        lambda: skipper.rows("select skip_step(%s, 0, %s, %s, %s, %s, 1, 'a', null)", params)
    )
    database.until_blocked(skipper)
    beginner.commit()
    with pytest.raises(Exception, match="at work"):
        waiting.result()
    assert live_tasks(database, started.instance_id) == ["running"]


@pytest.mark.race
def test_two_skips_at_once_skip_one_step(database: TestDatabase) -> None:
    """The second skip waits and is refused, so that its plan is made anew (I3)."""
    started = an_instance(database, a_next(at=after(hours=5)))
    params = (started.instance_id, to_json(decision_json(PAST)), NOON, HORIZON, LEASE)
    one, two = database.session(), database.session()
    one.begin()
    one.rows("select skip_step(%s, 0, %s, %s, %s, %s, 1, 'a', null)", params)
    waiting = start(
        lambda: two.rows("select skip_step(%s, 0, %s, %s, %s, %s, 1, 'a', null)", params)
    )
    database.until_blocked(two)
    one.commit()
    with pytest.raises(Exception, match="changed in the meantime"):
        waiting.result()
    assert last_task(database, started.instance_id)["sequence"] == 2


def test_history_goes_on_from_its_last_row(database: TestDatabase) -> None:
    """A person's decision continues the numbers of the commits before it."""
    started = an_instance(database, a_next(at=after(hours=5)))
    control(database).skip_step(started.instance_id, 0, PAST, ALICE)
    control(database).skip_step(started.instance_id, 1, PAST, ALICE)
    assert [
        row["sequence"]
        for row in database.rows("select sequence from step_history order by sequence")
    ] == [1, 2]


@pytest.mark.parametrize("state", ["polling", "unsure"])
def test_a_held_step_at_work_is_busy(database: TestDatabase, state: str) -> None:
    """A paused step whose job may be open is refused too: the job would be forgotten (I5)."""
    started = polling(database) if state == "polling" else unsure(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    with pytest.raises(Busy):
        control(database).skip_step(
            started.instance_id, instance(database, started.instance_id)["revision"], PAST, ALICE
        )
    assert live_tasks(database, started.instance_id) == ["held"]
