"""retry_workflow continues a failed instance where it failed, and repeats no effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.errors import AlreadyActive, NotAllowed, NotFound, RevisionConflict
from flamebot.domain.task import Payload, Phase
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_cancel,
    a_definition,
    a_poll,
    a_start,
    a_submit,
    after,
    an_entry,
    an_instance,
    begin,
    instance,
    live_tasks,
    pause_all,
    start_rows,
    task,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, REQUEST, audit, control, failed, forced, last_task

ANEW = Decision(
    task=None,
    instance=InstanceWrite(current_step=2),
    next=a_submit(after(hours=1), payload=Payload(request=REQUEST)),
)


def test_a_definite_failure_gets_a_new_task(database: TestDatabase) -> None:
    """The new task has the next sequence, a new key and all attempts again.

    It is due now, so it is queued and returned.
    """
    started = failed(database)
    revision = instance(database, started.instance_id)["revision"]
    changed = control(database, after(hours=1)).retry_workflow(
        started.instance_id, revision, ANEW, ALICE
    )
    again = last_task(database, started.instance_id)
    (pointer,) = changed.send
    assert (again["sequence"], again["phase"], again["status"], again["attempts"]) == (
        2,
        "submit",
        "queued",
        0,
    )
    assert (pointer.task_id, pointer.fence, pointer.due) == (
        again["task_id"],
        again["fence"],
        after(hours=1),
    )
    assert task(database, started.task_id)["status"] == "failed"
    assert changed.workflow["status"] == "active"
    assert changed.workflow["last_error"] is None
    assert changed.workflow["finished_at"] is None
    assert changed.workflow["next_action_at"] == after(hours=1)


def test_an_unknown_outcome_reopens_the_same_task(database: TestDatabase) -> None:
    """The reopened task has the same key, so the service repeats no effect (I5).

    Attempts and the step's clock start anew.
    """
    started = failed(database, unknown=True)
    before = task(database, started.task_id)
    changed = control(database, after(hours=1)).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    again = task(database, started.task_id)
    assert (again["status"], again["attempts"], again["reclaims"], again["sends"]) == (
        "queued",
        0,
        0,
        1,
    )
    assert (again["error"], again["result"], again["finished_at"]) == (None, None, None)
    assert again["outcome_unknown"] is True
    assert again["first_begun_at"] == before["first_begun_at"]
    assert again["fence"] > before["fence"]
    assert set(again["payload"]) == {"request"}
    assert [pointer.task_id for pointer in changed.send] == [started.task_id]
    assert last_task(database, started.instance_id)["task_id"] == started.task_id
    assert len(begin(database, started.task_id, now=after(hours=1))) == 1


def test_an_unknown_outcome_of_a_step_that_is_over_stays_as_it_is(database: TestDatabase) -> None:
    """The step before may have failed with an unknown outcome.

    Retrying the jump after it does not return to that step.
    """
    started = failed(database, unknown=True)
    jump = NextTask(step_id="loop", action="goto", phase=Phase.TIMER, at=after(hours=1))
    decision = Decision(task=None, instance=InstanceWrite(current_step=3), next=jump)
    control(database, after(hours=1)).retry_workflow(started.instance_id, 1, decision, ALICE)
    assert task(database, started.task_id)["status"] == "failed"
    assert last_task(database, started.instance_id)["step_id"] == "loop"


def test_the_decision_says_how_a_task_is_reopened(database: TestDatabase) -> None:
    """A reopened task keeps its row and its key; payload and attempts are as decided."""
    poll = a_poll(
        payload=Payload(request=REQUEST, job_id="job-1", key="key-1", started_at=NOON, polls=9)
    )
    started = failed(database, unknown=True, next_task=poll)
    payload = Payload(request=REQUEST, job_id="job-1", key="key-1")
    decision = Decision(
        task=TaskWrite(to="pending", at=NOON, payload=payload, attempts=1, outcome_unknown=True),
        instance=InstanceWrite(current_step=2),
    )
    control(database, after(hours=1)).retry_workflow(started.instance_id, 1, decision, ALICE)
    again = task(database, started.task_id)
    assert (again["status"], again["attempts"], again["scheduled_for"]) == (
        "queued",
        1,
        after(hours=1),
    )
    assert set(again["payload"]) == {"request", "job_id", "key"}


def test_an_unconfirmed_cancel_is_followed_by_what_was_decided(database: TestDatabase) -> None:
    """An unconfirmed cancel is not reopened: the decision looks its job up first."""
    started = failed(database, unknown=True, next_task=a_cancel(reason="timeout"))
    decision = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_poll(NOON))
    control(database).retry_workflow(started.instance_id, 1, decision, ALICE)
    assert task(database, started.task_id)["status"] == "failed"
    assert last_task(database, started.instance_id)["phase"] == "poll"


@pytest.mark.parametrize("unknown", [False, True])
def test_under_the_global_pause_nothing_is_queued(database: TestDatabase, unknown: bool) -> None:
    """The task is pending until the global pause ends."""
    started = failed(database, unknown=unknown)
    pause_all(database)
    changed = control(database, after(hours=1)).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    assert changed.send == []
    assert live_tasks(database, started.instance_id) == ["pending"]


def test_history_and_context_are_written_with_it(database: TestDatabase) -> None:
    """Steps that the retry passes are in the history, numbered on from its last row."""
    started = failed(database)
    decision = Decision(
        task=None,
        instance=InstanceWrite(current_step=1, context={"a": 1}, iterations={"g": 2}),
        history=(an_entry(), an_entry()),
        next=a_submit(),
    )
    control(database).retry_workflow(started.instance_id, 1, decision, ALICE)
    row = instance(database, started.instance_id)
    assert (
        row["current_step"],
        row["execution_context"],
        row["goto_iterations"],
        row["history_count"],
    ) == (1, {"a": 1}, {"g": 2}, 2)
    assert [
        r["sequence"] for r in database.rows("select sequence from step_history order by sequence")
    ] == [1, 2]


def test_an_account_with_another_live_workflow_is_refused(database: TestDatabase) -> None:
    """A retry is refused while the account has another live instance (I1)."""
    started = failed(database)
    before = instance(database, started.instance_id)
    start_rows(database, [a_start(started.account_id, a_definition(database))])
    with pytest.raises(AlreadyActive):
        control(database).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    assert instance(database, started.instance_id) == before
    assert audit(database, "retry_workflow") == []


@pytest.mark.parametrize("state", ["active", "paused", "stopped"])
def test_only_a_failed_workflow_can_be_retried(database: TestDatabase, state: str) -> None:
    """The refusal lists the allowed actions."""
    started = an_instance(database)
    if state == "paused":
        control(database).pause_workflow(started.instance_id, ALICE)
    if state == "stopped":
        control(database).stop_workflow(started.instance_id, ALICE)
    with pytest.raises(NotAllowed) as refusal:
        control(database).retry_workflow(
            started.instance_id, instance(database, started.instance_id)["revision"], ANEW, ALICE
        )
    expected = {
        "active": ["pause", "stop", "run-now", "skip-step"],
        "paused": ["resume", "stop", "skip-step"],
        "stopped": [],
    }
    assert refusal.value.context["allowed"] == expected[state]


def test_a_plan_for_a_former_revision_is_refused(database: TestDatabase) -> None:
    """A plan that was made for an earlier revision is refused."""
    started = failed(database)
    with pytest.raises(RevisionConflict):
        control(database).retry_workflow(started.instance_id, 0, ANEW, ALICE)
    assert instance(database, started.instance_id)["status"] == "failed"


def test_retried_once_is_retried(database: TestDatabase) -> None:
    """The second of two calls finds an active workflow and inserts no task."""
    started = failed(database)
    control(database).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    with pytest.raises(NotAllowed):
        control(database).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    assert len(live_tasks(database, started.instance_id)) == 1


def test_an_erased_account_leaves_nothing_to_retry(database: TestDatabase) -> None:
    """The failed workflows of an erased account have ended."""
    started = failed(database)
    control(database).delete_account(started.account_id, ALICE)
    with pytest.raises(NotAllowed):
        control(database).retry_workflow(
            started.instance_id, instance(database, started.instance_id)["revision"], ANEW, ALICE
        )


def test_the_audit_log_tells_which_task_goes_on(database: TestDatabase) -> None:
    """The audit log says whether the task was reopened or is new."""
    for unknown in (False, True):
        control(database).retry_workflow(
            failed(database, unknown=unknown).instance_id, 1, ANEW, ALICE
        )
    assert [row["after"]["same_task"] for row in audit(database, "retry_workflow")] == [False, True]
    assert {row["actor"] for row in audit(database, "retry_workflow")} == {"alice"}


def test_an_unknown_workflow_is_not_found(database: TestDatabase) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).retry_workflow("00000000-0000-4000-8000-000000000000", 1, ANEW, ALICE)


def test_a_decision_that_leads_nowhere_is_refused_whole(database: TestDatabase) -> None:
    """A decision that leaves a live instance without a task is refused as a whole (I2)."""
    started = failed(database)
    with pytest.raises(Exception, match="23514"):
        control(database).retry_workflow(
            started.instance_id,
            1,
            Decision(task=None, instance=InstanceWrite(current_step=1)),
            ALICE,
        )
    assert instance(database, started.instance_id)["status"] == "failed"


def _retry(instance_id: str) -> tuple[str, tuple[object, ...]]:
    sql = "select retry_workflow(%s, 1, %s, %s, %s, %s, 1, 'a', null) as answer"
    return sql, (instance_id, to_json(decision_json(ANEW)), NOON, HORIZON, LEASE)


@pytest.mark.race
def test_a_retry_that_comes_before_a_start_wins(database: TestDatabase) -> None:
    """A start that waits for a retry finds a live workflow."""
    started = failed(database)
    definition_id = a_definition(database)
    retrier, starter = database.session(), database.session()
    retrier.begin()
    retrier.rows(*_retry(started.instance_id))
    waiting = start(lambda: start_rows(starter, [a_start(started.account_id, definition_id)]))
    database.until_blocked(starter)
    retrier.commit()
    (answer,) = waiting.result()
    assert (answer["status"], answer["instance_id"]) == ("already_active", started.instance_id)


@pytest.mark.race
def test_a_start_that_comes_before_a_retry_wins(database: TestDatabase) -> None:
    """A retry that waits for a start is refused."""
    started = failed(database)
    definition_id = a_definition(database)
    starter, retrier = database.session(), database.session()
    starter.begin()
    start_rows(starter, [a_start(started.account_id, definition_id)])
    waiting = start(lambda: retrier.rows(*_retry(started.instance_id)))
    database.until_blocked(retrier)
    starter.commit()
    with pytest.raises(Exception, match="live workflow already"):
        waiting.result()
    assert database.value("select count(*) from workflow_instances where is_live") == 1


@pytest.mark.race
def test_two_retries_at_once_make_one_task(database: TestDatabase) -> None:
    """Of two retries at once the second waits and is refused."""
    started = failed(database)
    one, two = database.session(), database.session()
    one.begin()
    one.rows(*_retry(started.instance_id))
    waiting = start(lambda: two.rows(*_retry(started.instance_id)))
    database.until_blocked(two)
    one.commit()
    with pytest.raises(Exception, match="retry is not possible"):
        waiting.result()
    assert len(live_tasks(database, started.instance_id)) == 1


def test_the_lease_of_what_is_due_later_reaches_beyond_it(database: TestDatabase) -> None:
    """The lease of a task that is due in 100 s lasts for 190 s."""
    started = failed(database)
    later = Decision(
        task=None, instance=InstanceWrite(current_step=2), next=a_submit(after(seconds=100))
    )
    control(database).retry_workflow(started.instance_id, 1, later, ALICE)
    lease = database.value(
        "select lease_expires_at - clock_timestamp() from scheduled_tasks"
        " where workflow_instance_id = %s and is_live",
        (started.instance_id,),
    )
    assert timedelta(seconds=185) < lease <= timedelta(seconds=190)


def test_retry_forgives_crashes(database: TestDatabase) -> None:
    """A reopened task may be reclaimed as often again (I8)."""
    started = failed(database, unknown=True)
    forced(database, started.task_id, reclaims=5)
    control(database).retry_workflow(started.instance_id, 1, ANEW, ALICE)
    assert task(database, started.task_id)["reclaims"] == 0
