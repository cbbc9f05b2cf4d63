"""The plans of an operator's requests: retry and skip."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from flamebot.domain.decision import Decision
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Abort, Absent, Continue, Done, Fail, Retry
from flamebot.domain.plan import plan_retry, plan_skip
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.task_random import TaskRandom
from tests.unit.domain.builders import (
    NOON,
    Journey,
    a_definition,
    a_goto,
    a_prompt,
    a_swipe,
    a_task,
    a_wait,
    an_instance,
    decided,
    names,
    seconds,
)

UNKNOWN = Retry(error="outcome_unknown: 503", unknown=True)


def failed_task(journey: Journey, decision: Decision, task: Task) -> Task:
    """Return the last task of a failed instance, as its row has it."""
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.task is not None
    return replace(
        task,
        attempts=decision.task.attempts,
        outcome_unknown=decision.task.outcome_unknown,
        payload=decision.task.payload or task.payload,
    )


def retried(journey: Journey, *outcomes: Any) -> tuple[Task, Decision]:
    """Fail the waiting step, and plan a retry an hour later."""
    for outcome in outcomes:
        task = journey.waiting
        decision = journey.run(outcome)
    last = failed_task(journey, decision, task)
    now = journey.now + timedelta(hours=1)
    return last, plan_retry(journey.definition, journey.instance, last, now, TaskRandom("retry"))


def test_retry_opens_a_task_of_unknown_outcome_again() -> None:
    """I5: the same row, and so the same key, gets all attempts and the whole timeout again."""
    journey = Journey(a_definition(a_swipe()))
    absent = Absent(again=timedelta(seconds=30))
    _, decision = retried(journey, UNKNOWN, UNKNOWN, UNKNOWN, absent, absent)
    assert decision.task is not None
    assert decision.next is None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "pending",
        0,
        True,
    )
    assert decision.task.payload is not None
    assert decision.task.payload.started_at is None
    assert (decision.task.payload.look_up, decision.task.payload.absent) == (None, False)
    assert decision.task.payload.request is not None


def test_retry_after_a_definite_failure_is_a_new_task() -> None:
    """It has a key of its own, is due now and is queued, not running."""
    journey = Journey(a_definition(a_wait(), a_swipe()))
    journey.succeed()
    _, decision = retried(journey, Fail(error="refused: 422"))
    assert decision.task is None
    assert decision.next is not None
    assert (decision.next.phase, decision.next.attempts, decision.next.run) == (
        Phase.SUBMIT,
        0,
        False,
    )
    assert decision.next.payload.started_at is None
    assert decision.instance.current_step == 1


def test_retry_sends_the_text_that_was_written() -> None:
    """The text was not the cause of the failure, so it is kept."""
    journey = Journey(a_definition(a_prompt(maxAttempts=1)))
    journey.succeed_until("prompt/poll")
    _, decision = retried(journey, Retry(error="job_failed: x", new_key=True))
    assert decision.next is not None
    assert (decision.next.phase, decision.next.payload.text) == (
        Phase.SUBMIT,
        "A walk and a good book.",
    )


def test_retry_has_a_refused_text_written_anew() -> None:
    """The same text would be refused again."""
    journey = Journey(a_definition(a_prompt()))
    journey.succeed()
    _, decision = retried(journey, Fail(error="refused: 422"))
    assert decision.next is not None
    assert (decision.next.phase, decision.next.payload) == (Phase.GENERATE, Payload())


def test_retry_works_once_the_account_is_active_again() -> None:
    """An aborted step begins again."""
    _, decision = retried(Journey(a_definition(a_swipe())), Abort(error="account_suspended"))
    assert decision.next is not None
    assert decision.next.phase is Phase.SUBMIT


def test_retry_after_a_cancelled_job_is_a_new_task() -> None:
    """The service reports the old job cancelled, so a new key may follow."""
    journey = Journey(a_definition(a_swipe(timeout="1s")))
    journey.succeed()
    journey.run(Continue())
    task = journey.waiting
    decision = journey.succeed()
    now = journey.now
    again = plan_retry(
        journey.definition,
        journey.instance,
        failed_task(journey, decision, task),
        now,
        TaskRandom("retry"),
    )
    assert again.next is not None
    assert again.next.phase is Phase.SUBMIT


def test_retry_polls_a_job_whose_cancellation_was_not_confirmed() -> None:
    """I5: the job may still be at work, so it is polled before anything is sent."""
    journey = Journey(a_definition(a_swipe(timeout="1s")))
    journey.succeed()
    journey.run(Continue())
    _, decision = retried(journey, Fail(error="refused: 403"))
    assert decision.next is not None
    assert (decision.next.phase, decision.next.payload.job_id, decision.next.payload.reason) == (
        Phase.POLL,
        "job-1",
        None,
    )


def test_retry_of_a_jump_at_its_limit_is_a_timer() -> None:
    """A live workflow always has a task, so the jump is tried by a timer."""
    definition = a_definition(
        a_swipe(), a_goto("swipe", delay="1m", maxIterations=1, onLimit="fail")
    )
    decision = plan_retry(
        definition,
        an_instance(current_step=1, iterations={"loop": 1}),
        None,
        NOON,
        TaskRandom("retry"),
    )
    assert decision.next is not None
    assert (decision.next.step_id, decision.next.phase, decision.next.at) == (
        "loop",
        Phase.TIMER,
        NOON,
    )


def test_retry_after_a_jump_at_its_limit_does_no_effect_again() -> None:
    """The jump failed, not the effect before it, whose task is the last one."""
    journey = Journey(
        a_definition(a_swipe(), a_goto("swipe", delay="1m", maxIterations=1, onLimit="fail"))
    )
    journey.succeed_until("swipe/poll")
    journey.succeed()
    journey.succeed_until("swipe/poll")
    _, decision = retried(journey, Done(result={"performed": 5}))
    assert decision.next is not None
    assert (decision.next.step_id, decision.next.phase) == ("loop", Phase.TIMER)
    assert decision.instance.current_step == 1


def test_retry_takes_nothing_from_another_steps_task() -> None:
    """I5: neither the key nor the text of the previous step is used for the failed one."""
    definition = a_definition(a_swipe(), a_prompt())
    other = a_task("swipe", Phase.SUBMIT, outcome_unknown=True, payload=Payload(text="another's"))
    decision = plan_retry(
        definition,
        an_instance(current_step=1),
        other,
        NOON,
        TaskRandom("retry"),
    )
    assert decision.task is None
    assert decision.next is not None
    assert (decision.next.step_id, decision.next.phase, decision.next.payload) == (
        "prompt",
        Phase.GENERATE,
        Payload(),
    )


def test_skip_goes_on_with_the_step_after() -> None:
    """The next step's delay begins now; the history has the skipped step."""
    definition = a_definition(a_wait(), a_swipe(delay="1m"), a_wait("rest"))
    decision = plan_skip(
        definition,
        an_instance(),
        a_task("wait", Phase.TIMER),
        NOON,
        TaskRandom("skip"),
    )
    assert decision.next is not None
    assert (decision.next.step_id, decision.next.run) == ("swipe", False)
    assert seconds(decision, since=NOON) == 60
    assert names(decision.history) == ["wait:skipped"]


def test_skip_never_runs_what_follows() -> None:
    """The next task is due now and queued, since no worker runs the request."""
    decision = plan_skip(
        a_definition(a_wait(), a_swipe()),
        an_instance(),
        a_task("wait", Phase.TIMER),
        NOON,
        TaskRandom("skip"),
    )
    assert decision.next is not None
    assert (decision.next.at, decision.next.run) == (NOON, False)


def test_a_wait_that_is_run_before_it_began_has_no_negative_length() -> None:
    """An instance whose start is spread may be run now by an operator."""
    journey = Journey(a_definition(a_wait()), now=NOON + timedelta(hours=1))
    decision = decided(journey.definition, journey.waiting, Done(), now=NOON)
    assert (decision.history[0].started_at, decision.history[0].finished_at) == (NOON, NOON)


def test_skip_of_the_last_step_completes_the_workflow() -> None:
    """After the last step no task follows."""
    decision = plan_skip(
        a_definition(a_swipe()),
        an_instance(),
        a_task("swipe", Phase.SUBMIT),
        NOON,
        TaskRandom("skip"),
    )
    assert (decision.next, decision.instance.status) == (None, "completed")
