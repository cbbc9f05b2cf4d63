"""pause_workflow holds the waiting task with its remaining wait; a running task finishes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import NotAllowed, NotFound, RevisionConflict
from tests.support.builders import (
    a_cancel,
    a_decision,
    a_next,
    a_submit,
    after,
    an_instance,
    begin,
    claim,
    commit,
    instance,
    live_tasks,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control, failed, last_task, polling, running


def test_a_waiting_task_is_held_with_its_remaining_wait(database: TestDatabase) -> None:
    """The task is held from this moment on, keeps its due time, and nothing is due any more."""
    started = an_instance(database, a_next(at=after(hours=1)))
    changed = control(database, after(minutes=20)).pause_workflow(started.instance_id, ALICE)
    held = task(database, started.task_id)
    assert (held["status"], held["held_at"], held["scheduled_for"]) == (
        "held",
        after(minutes=20),
        after(hours=1),
    )
    assert changed.workflow["status"] == "paused"
    assert changed.workflow["paused_at"] == after(minutes=20)
    assert changed.workflow["next_action_at"] is None
    assert changed.workflow["effect_in_flight"] is False
    assert changed.send == []


def test_a_message_on_its_way_is_void(database: TestDatabase) -> None:
    """A queued task is held too, and its message begins nothing."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    control(database).pause_workflow(started.instance_id, ALICE)
    held = task(database, started.task_id)["fence"]
    assert held > fence
    assert begin(database, started.task_id, fences=[fence]) == []
    control(database).resume_workflow(started.instance_id, "freeze", ALICE)
    assert task(database, started.task_id)["fence"] > held
    assert begin(database, started.task_id, fences=[fence]) == []


def test_a_plan_from_before_the_pause_is_refused(database: TestDatabase) -> None:
    """A client that read the workflow before the pause knows another state."""
    started = an_instance(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    onward = Decision(
        task=None, instance=InstanceWrite(current_step=1), next=a_next(at=after(hours=1))
    )
    with pytest.raises(RevisionConflict):
        control(database).skip_step(started.instance_id, 0, onward, ALICE)


def test_a_running_task_finishes_and_its_successor_is_held(database: TestDatabase) -> None:
    """Pause reports an effect in flight, lets it finish, and holds the successor."""
    started = running(database, a_submit())
    changed = control(database).pause_workflow(started.instance_id, ALICE)
    assert changed.workflow["effect_in_flight"] is True
    assert live_tasks(database, started.instance_id) == ["running"]
    commit(database, (started.task_id, task(database, started.task_id)["fence"], a_decision()))
    assert live_tasks(database, started.instance_id) == ["held"]


def test_an_open_job_is_an_effect_in_flight(database: TestDatabase) -> None:
    """A held poll means that a job is open at the service."""
    started = polling(database)
    assert (
        control(database).pause_workflow(started.instance_id, ALICE).workflow["effect_in_flight"]
        is True
    )


def test_a_cancel_is_never_held(database: TestDatabase) -> None:
    """A pause does not hold the cancel of a job that exceeded its timeout."""
    started = an_instance(database, a_cancel(after(minutes=1), "timeout"))
    changed = control(database).pause_workflow(started.instance_id, ALICE)
    assert task(database, started.task_id)["status"] == "queued"
    assert changed.workflow["next_action_at"] == after(minutes=1)


def test_pausing_again_changes_nothing(database: TestDatabase) -> None:
    """A repeated call returns the same state. The audit log has both calls."""
    started = an_instance(database)
    first = control(database).pause_workflow(started.instance_id, ALICE)
    second = control(database, after(minutes=5)).pause_workflow(started.instance_id, ALICE)
    assert second == first
    assert [row["before"] for row in audit(database, "pause_workflow")] == [
        {"status": "active"},
        {"status": "paused"},
    ]


def test_the_audit_log_tells_who_and_why(database: TestDatabase) -> None:
    """The audit log has actor, reason, subject and both states."""
    started = an_instance(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    (row,) = audit(database, "pause_workflow")
    assert (row["actor"], row["reason"], row["subject"]) == (
        "alice",
        "because",
        f"workflow/{started.instance_id}",
    )
    assert (row["before"], row["after"]) == ({"status": "active"}, {"status": "paused"})


def test_a_finished_workflow_cannot_be_paused(database: TestDatabase) -> None:
    """The refusal names what is allowed instead, and nothing is written."""
    started = failed(database)
    with pytest.raises(NotAllowed) as refusal:
        control(database).pause_workflow(started.instance_id, ALICE)
    assert refusal.value.context["allowed"] == ["retry"]
    assert audit(database, "pause_workflow") == []


def test_a_stopping_workflow_cannot_be_paused(database: TestDatabase) -> None:
    """Pause is refused while the workflow is being stopped."""
    started = polling(database)
    control(database).stop_workflow(started.instance_id, ALICE)
    with pytest.raises(NotAllowed) as refusal:
        control(database).pause_workflow(started.instance_id, ALICE)
    assert refusal.value.context["allowed"] == []


@pytest.mark.parametrize("instance_id", ["00000000-0000-4000-8000-000000000000", "nonsense", ""])
def test_an_unknown_workflow_is_not_found(database: TestDatabase, instance_id: str) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).pause_workflow(instance_id, ALICE)


@pytest.mark.race
def test_pause_waits_for_a_claim_and_holds_what_it_claimed(database: TestDatabase) -> None:
    """A pause after a claim holds the claimed task, whose message begins nothing."""
    started = an_instance(database, a_next(at=after(minutes=10)))
    claimer = database.session()
    claimer.begin()
    (claimed,) = claim(claimer, now=after(minutes=9))
    waiting = start(
        lambda: control(database, after(minutes=9)).pause_workflow(started.instance_id, ALICE)
    )
    claimer.commit()
    waiting.result()
    assert live_tasks(database, started.instance_id) == ["held"]
    assert begin(database, started.task_id, fences=[claimed["fence"]], now=after(minutes=10)) == []


@pytest.mark.race
def test_a_claim_passes_over_what_is_being_paused(database: TestDatabase) -> None:
    """A claim skips an instance that is being paused, without waiting."""
    started = an_instance(database, a_next(at=after(minutes=10)))
    pauser = database.session()
    pauser.begin()
    pauser.rows("select pause_workflow(%s, %s, 'a', null)", (started.instance_id, after(minutes=9)))
    assert claim(database, now=after(minutes=9)) == []
    pauser.commit()
    assert claim(database, now=after(minutes=9)) == []
    assert live_tasks(database, started.instance_id) == ["held"]


@pytest.mark.race
def test_nothing_begins_after_pause_was_acknowledged(database: TestDatabase) -> None:
    """Pause waits for a begin that came first, and then reports a running task (I7)."""
    started = an_instance(database, a_submit())
    beginner = database.session()
    beginner.begin()
    (begun,) = begin(beginner, started.task_id)
    pauser = database.session()
    waiting = start(
        lambda: pauser.one(
            "select pause_workflow(%s, %s, 'a', null) as answer", (started.instance_id, after())
        )
    )
    database.until_blocked(pauser)
    beginner.commit()
    assert waiting.result()["answer"]["workflow"]["effect_in_flight"] is True
    assert instance(database, started.instance_id)["status"] == "paused"
    commit(database, (started.task_id, begun["fence"], a_decision()))
    held = last_task(database, started.instance_id)
    assert (held["status"], held["held_at"] - held["created_at"]) == ("held", timedelta())
