"""run_workflow_now makes a waiting task due now, once."""

from __future__ import annotations

import pytest

from flamebot.domain.errors import Busy, NotAllowed, NotFound, RevisionConflict
from flamebot.domain.task import Phase
from tests.support.builders import (
    NOON,
    a_cancel,
    a_next,
    after,
    an_instance,
    begin,
    claim,
    instance,
    live_tasks,
    pause,
    pause_all,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, audit, control, failed, polling, running, unsure


@pytest.mark.parametrize("phase", [Phase.TIMER, Phase.GENERATE, Phase.SUBMIT])
def test_what_waits_is_due_now_and_sent(database: TestDatabase, phase: Phase) -> None:
    """The task is due now, queued under a new fence, and returned for sending."""
    started = an_instance(database, a_next(phase, at=after(hours=5)))
    changed = control(database, after(minutes=1)).run_workflow_now(started.instance_id, 0, ALICE)
    (pointer,) = changed.send
    assert (pointer.task_id, pointer.due) == (started.task_id, after(minutes=1))
    assert changed.workflow["next_action_at"] == after(minutes=1)
    (begun,) = begin(database, started.task_id, fences=[pointer.fence], now=after(minutes=1))
    assert begun["early"] is False


def test_the_message_for_the_old_time_is_void(database: TestDatabase) -> None:
    """The message for the old due time begins nothing, so the task runs once."""
    started = an_instance(database, a_next(at=after(seconds=100)))
    old = task(database, started.task_id)["fence"]
    (pointer,) = control(database).run_workflow_now(started.instance_id, 0, ALICE).send
    assert begin(database, started.task_id, fences=[old], now=after(hours=1)) == []
    assert len(begin(database, started.task_id, fences=[pointer.fence])) == 1


def test_an_attempt_that_waits_for_its_backoff_may_go_at_once(database: TestDatabase) -> None:
    """A retry that waits for its backoff is due now, with the same task and key."""
    started = unsure(database, after(minutes=5))
    changed = control(database).run_workflow_now(started.instance_id, 1, ALICE)
    now = task(database, started.task_id)
    assert (now["attempts"], now["outcome_unknown"], now["scheduled_for"]) == (1, True, NOON)
    assert len(changed.send) == 1


def test_due_already_and_sent_changes_nothing(database: TestDatabase) -> None:
    """A repeated call changes nothing and returns nothing to send."""
    started = an_instance(database, a_next(at=after(hours=5)))
    control(database).run_workflow_now(started.instance_id, 0, ALICE)
    before = task(database, started.task_id)
    changed = control(database).run_workflow_now(started.instance_id, 1, ALICE)
    assert changed.send == []
    assert task(database, started.task_id) == before
    assert len(audit(database, "run_workflow_now")) == 1


def test_overdue_and_unclaimed_is_sent(database: TestDatabase) -> None:
    """An overdue task keeps its due time, so that its lateness is visible."""
    started = an_instance(database, a_next(at=after(hours=1)))
    (pointer,) = (
        control(database, after(hours=2)).run_workflow_now(started.instance_id, 0, ALICE).send
    )
    assert pointer.due == after(hours=1)


def test_under_the_global_pause_it_is_due_but_not_queued(database: TestDatabase) -> None:
    """The task is pending and is claimed when the global pause ends."""
    started = an_instance(database, a_next(at=after(hours=5)))
    pause_all(database)
    changed = control(database).run_workflow_now(started.instance_id, 0, ALICE)
    assert changed.send == []
    assert (
        live_tasks(database, started.instance_id),
        task(database, started.task_id)["scheduled_for"],
    ) == (["pending"], NOON)


@pytest.mark.parametrize("state", ["running", "polling", "cancelling"])
def test_a_step_at_work_is_busy(database: TestDatabase, state: str) -> None:
    """A running step is refused as busy."""
    match state:
        case "running":
            started = running(database)
        case "polling":
            started = polling(database, after(minutes=1))
        case _:
            started = an_instance(database, a_cancel(after(minutes=1), "timeout"))
    before = task(database, started.task_id)
    with pytest.raises(Busy):
        control(database).run_workflow_now(started.instance_id, 0, ALICE)
    assert task(database, started.task_id) == before


@pytest.mark.parametrize("state", ["paused", "failed"])
def test_only_an_active_workflow_runs_now(database: TestDatabase, state: str) -> None:
    """Paused and failed workflows are refused."""
    started = failed(database) if state == "failed" else an_instance(database)
    if state == "paused":
        control(database).pause_workflow(started.instance_id, ALICE)
    with pytest.raises(NotAllowed) as refusal:
        control(database).run_workflow_now(started.instance_id, 1, ALICE)
    assert (
        refusal.value.context["allowed"]
        == {"paused": ["resume", "stop", "skip-step"], "failed": ["retry"]}[state]
    )


def test_a_former_revision_is_refused(database: TestDatabase) -> None:
    """A request with an old revision is refused: the workflow has changed since it was read."""
    started = an_instance(database, a_next(at=after(hours=5)))
    with pytest.raises(RevisionConflict):
        control(database).run_workflow_now(started.instance_id, 7, ALICE)
    assert instance(database, started.instance_id)["revision"] == 0


def test_an_unknown_workflow_is_not_found(database: TestDatabase) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).run_workflow_now("00000000-0000-4000-8000-000000000000", 0, ALICE)


def test_the_audit_log_tells_both_times(database: TestDatabase) -> None:
    """The audit log has the old due time and the new one."""
    started = an_instance(database, a_next(at=after(hours=5)))
    control(database).run_workflow_now(started.instance_id, 0, ALICE)
    (row,) = audit(database, "run_workflow_now")
    assert (row["before"], row["after"]) == (
        {"scheduled_for": "2030-01-01T17:00:00+00:00"},
        {"scheduled_for": "2030-01-01T12:00:00+00:00"},
    )


@pytest.mark.race
def test_a_claim_that_came_first_is_void(database: TestDatabase) -> None:
    """A task that was claimed for later is queued anew for now."""
    started = an_instance(database, a_next(at=after(minutes=10)))
    claimer, hurried = database.session(), database.session()
    claimer.begin()
    (claimed,) = claim(claimer, now=after(minutes=9))
    call = (
        "select run_workflow_now(%s, 0, %s, interval '90 s', 'a', null) as answer",
        (started.instance_id, after(minutes=9)),
    )
    waiting = start(lambda: hurried.one(*call))
    database.until_blocked(hurried)
    claimer.commit()
    (pointer,) = waiting.result()["answer"]["send"]
    assert begin(database, started.task_id, fences=[claimed["fence"]], now=after(minutes=9)) == []
    assert (
        len(begin(database, started.task_id, fences=[pointer["fence"]], now=after(minutes=9))) == 1
    )


@pytest.mark.race
def test_a_begin_that_came_first_makes_it_busy(database: TestDatabase) -> None:
    """Run-now waits for the begin, and then finds the step running: it is not queued again (I5)."""
    started = an_instance(database, a_next(at=NOON))
    beginner, hurried = database.session(), database.session()
    beginner.begin()
    assert begin(beginner, started.task_id)
    waiting = start(
        lambda: hurried.one(
            "select run_workflow_now(%s, 0, %s, interval '90 s', 'a', null)",
            (started.instance_id, NOON),
        )
    )
    database.until_blocked(hurried)
    beginner.commit()
    with pytest.raises(Exception, match="at work"):
        waiting.result()
    assert live_tasks(database, started.instance_id) == ["running"]


@pytest.mark.race
def test_a_pause_that_came_first_refuses_it(database: TestDatabase) -> None:
    """Run-now waits for the pause and is refused (I7)."""
    started = an_instance(database, a_next(at=after(hours=5)))
    pauser, hurried = database.session(), database.session()
    pauser.begin()
    pause(pauser, started.instance_id)
    waiting = start(
        lambda: hurried.one(
            "select run_workflow_now(%s, 0, %s, interval '90 s', 'a', null)",
            (started.instance_id, NOON),
        )
    )
    database.until_blocked(hurried)
    pauser.commit()
    with pytest.raises(Exception, match="The workflow is paused"):
        waiting.result()
    assert live_tasks(database, started.instance_id) == ["held"]
