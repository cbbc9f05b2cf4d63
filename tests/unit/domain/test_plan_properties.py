"""Laws of the planner, for any outcome in any order at any time."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.context import fits
from flamebot.domain.decision import Decision
from flamebot.domain.definition import Definition
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import (
    Abort,
    Absent,
    Continue,
    Defer,
    Done,
    Fail,
    LeaseExpired,
    Outcome,
    Retry,
)
from flamebot.domain.plan import plan, plan_retry, plan_skip, plan_start
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom
from tests.unit.domain.builders import (
    NOON,
    Journey,
    a_definition,
    a_goto,
    a_prompt,
    a_swipe,
    a_wait,
    an_instance,
)

MOMENT = timedelta(milliseconds=1)

delays = st.sampled_from(
    [0, "10s", "2h", "400d", {"min": 0, "max": "1h"}, {"min": "30m", "max": "60m"}]
)
tried = {
    "critical": st.booleans(),
    "maxAttempts": st.integers(1, 4),
    "timeout": st.sampled_from(["1m", "2h"]),
}


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Generate definitions with up to six steps, with a delay in each loop."""
    steps: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["wait", "swipe", "prompt", "bio", "goto"]))
        options = {name: draw(values) for name, values in tried.items() if draw(st.booleans())}
        match kind:
            case "goto" if any(step["action"] != "goto" for step in steps):
                target = draw(
                    st.sampled_from([step["id"] for step in steps if step["action"] != "goto"])
                )
                limit = draw(st.sampled_from(["continue", "fail"]))
                steps.append(
                    {
                        **a_goto(
                            target,
                            f"s{index}",
                            delay=draw(st.sampled_from([1, "45m"])),
                            maxIterations=draw(st.integers(1, 3)),
                        ),
                        "onLimit": limit,
                    }
                )
            case "swipe":
                steps.append(
                    {
                        **a_swipe(f"s{index}", delay=draw(delays), **options),
                        "swipeCount": {"min": 2, "max": draw(st.integers(2, 300))},
                    }
                )
            case "prompt":
                steps.append({**a_prompt(f"s{index}", delay=draw(delays), **options)})
            case "bio":
                steps.append(
                    {
                        "id": f"s{index}",
                        "action": "add_bio",
                        "bio": "A walk.",
                        "delay": draw(delays),
                        **options,
                    }
                )
            case _:
                steps.append({**a_wait(f"s{index}", draw(delays))})
    return a_definition(*steps)


@cache
def outcomes(phase: Phase) -> st.SearchStrategy[Outcome]:
    """Return a strategy for every outcome that a phase may have."""
    waits = st.timedeltas(timedelta(), timedelta(hours=1))
    done: dict[Phase, st.SearchStrategy[dict[str, object]]] = {
        Phase.TIMER: st.just({}),
        Phase.GENERATE: st.just({"text": "A walk and a book.", "tokens": 3}),
        Phase.SUBMIT: st.just({"job_id": "j"}),
        Phase.POLL: st.fixed_dictionaries(
            {},
            optional={
                "performed": st.integers() | st.text(max_size=3),
                "matches": st.none() | st.integers(0, 9),
            },
        ),
        Phase.CANCEL: st.sampled_from(
            [
                {},
                {"job_status": "cancelled"},
                {"job_status": "succeeded", "job_result": {"performed": 1}},
            ]
        ),
    }
    anything: list[st.SearchStrategy[Outcome]] = [
        st.builds(Defer, after=waits, reason=st.sampled_from(["throttled", "lock_held"])),
        st.builds(LeaseExpired, error=st.sampled_from(["lease_expired", "undeliverable"])),
        st.builds(Done, result=done[phase]),
        st.builds(Done, result=done[phase]),
    ]
    if phase in (Phase.POLL, Phase.CANCEL):
        anything.append(st.just(Continue()))
    if phase is not Phase.TIMER:
        anything.append(
            st.builds(
                Retry,
                error=st.just("e: x"),
                unknown=st.booleans(),
                new_key=st.booleans(),
                retry_after=st.none() | waits,
            )
        )
        if phase is Phase.SUBMIT:
            anything.append(st.builds(Absent, again=waits))
        anything.append(st.builds(Fail, error=st.just("refused: x"), unknown=st.booleans()))
        anything.append(st.just(Abort(error="account_suspended: x")))
    return st.one_of(anything)


def check(decision: Decision, journey: Journey, before: Task, outcome: Outcome) -> None:
    """Check the laws of every decision of `plan`."""
    definition, write = journey.definition, decision.task
    assert write is not None
    same_row, ends = write.to == "pending", decision.instance.status is not None
    assert [same_row, decision.next is not None, ends].count(True) == 1, (
        "exactly one of: the same row, the next task, the end"
    )
    for task in (decision.next, decision.if_stopping):
        assert task is None or task.at >= journey.now, "nothing is due before now"
    assert write.at is None or write.at >= journey.now
    assert (write.at is not None) == same_row
    assert 0 <= write.attempts - before.attempts <= 1
    step = definition.steps[definition.step_index(before.step_id)]
    limit = (
        definition.cancel_attempts
        if before.phase is Phase.CANCEL
        else definition.max_attempts(step)
    )
    assert write.attempts <= limit, "I8: attempts never exceed their limit"
    assert not (
        same_row
        and before.phase in (Phase.GENERATE, Phase.SUBMIT, Phase.CANCEL)
        and write.attempts >= limit
        and (write.payload is None or write.payload.look_up is None)
    ), "no attempt after the last; only a look-up follows it"
    if before.phase is Phase.SUBMIT and write.to == "failed" and write.outcome_unknown:
        assert (
            before.payload.look_up
            or "account_suspended" in str(write.error)
            or (isinstance(outcome, LeaseExpired))
        ), "no write of unknown outcome fails without a look-up"
    if decision.instance.context is not None:
        assert fits(decision.instance.context)
    assert 0 <= decision.instance.current_step <= definition.total_steps
    assert all(entry.started_at <= entry.finished_at == journey.now for entry in decision.history)
    if decision.if_stopping is not None:
        assert decision.if_stopping.phase is Phase.CANCEL
        assert decision.if_stopping.payload.job_id or decision.if_stopping.payload.key
    if decision.next is not None:
        follower = definition.steps[decision.instance.current_step]
        assert follower.id == decision.next.step_id, "the instance stands where its next task is"
        assert decision.next.run == (decision.next.at <= journey.now)
        if decision.next.step_id != before.step_id or before.phase in (Phase.TIMER, Phase.CANCEL):
            assert (
                decision.next.phase is Phase.CANCEL
                or decision.next.at >= journey.now + follower.delay.min
            ), "never before its time"
        if decision.next.phase is Phase.SUBMIT:
            assert decision.next.payload.request is not None, (
                "a submit's request is whole from its creation"
            )
            assert decision.next.payload.job_id is None
    to_json(decision_json(decision))  # and all of it can be written


@given(st.data())
@settings(max_examples=100)
def test_every_decision_keeps_the_laws(data: st.DataObject) -> None:
    """The laws hold for any outcomes, and the same inputs give the same decision."""
    journey = Journey(data.draw(definitions()))
    for _ in range(data.draw(st.integers(1, 15))):
        if journey.task is None:
            break
        before, instance = journey.task, journey.instance
        outcome = data.draw(outcomes(before.phase))
        decision = journey.run(
            outcome,
            late=data.draw(
                st.sampled_from([timedelta(), MOMENT, timedelta(hours=1), timedelta(days=2)])
            ),
        )
        check(decision, journey, before, outcome)
        assert decision == plan(
            journey.definition,
            instance,
            before,
            outcome,
            journey.now,
            TaskRandom(before.task_id),
            global_paused_ms=0,
        )


@given(definitions(), st.text(max_size=10))
def test_a_start_always_has_a_task(definition: Definition, seed: str) -> None:
    """It is queued, and never due before the first step's delay is over."""
    decision = plan_start(definition, an_instance(), NOON, TaskRandom(seed))
    assert decision.task is None
    assert decision.instance.status is None
    assert decision.next is not None
    assert not decision.next.run
    assert decision.next.at >= NOON + definition.steps[decision.instance.current_step].delay.min
    assert decision == plan_start(definition, an_instance(), NOON, TaskRandom(seed))


@given(st.data())
def test_a_failed_instance_can_be_retried_and_skipped(data: st.DataObject) -> None:
    """A retry gives the workflow exactly one task; a skip gives it one or ends it."""
    journey = Journey(data.draw(definitions()))
    for _ in range(15):
        if journey.task is None:
            break
        task = journey.task
        skipped = plan_skip(
            journey.definition, journey.instance, task, journey.now, TaskRandom("skip")
        )
        assert (skipped.next is None) == (skipped.instance.status is not None)
        journey.run(data.draw(outcomes(task.phase)))
    if journey.instance.status is InstanceStatus.FAILED:
        retry = plan_retry(
            journey.definition, journey.instance, task, journey.now, TaskRandom("retry")
        )
        assert [retry.task is not None, retry.next is not None].count(True) == 1
        assert retry.instance.status is None


@given(st.data())
def test_a_new_key_follows_only_a_definite_failure(data: st.DataObject) -> None:
    """I5: a second key is used only after the service reported the first job as failed."""
    journey = Journey(a_definition(a_swipe(maxAttempts=5), a_wait("rest")))
    for _ in range(data.draw(st.integers(1, 12))):
        if journey.task is None or journey.task.step_id != "swipe":
            break
        before = journey.task
        outcome = data.draw(outcomes(before.phase))
        decision = journey.run(outcome)
        if decision.next is not None and decision.next.phase is Phase.SUBMIT:
            assert isinstance(outcome, Retry)
            assert outcome.new_key


def test_an_endless_loop_keeps_the_states_size() -> None:
    """After 10,000 rounds the context and the request have the size they had at first."""
    journey = Journey(
        a_definition(
            a_swipe(swipeCount={"min": 25, "max": 35}, delay={"min": "30m", "max": "60m"}),
            a_goto("swipe"),
        )
    )
    sizes = set()
    for _ in range(10_000):
        journey.succeed()
        before = journey.now
        decision = journey.succeed()
        assert decision.next is not None
        assert (
            timedelta(minutes=30) <= decision.next.at - before <= timedelta(minutes=60, seconds=2)
        )
        sizes.add(
            len(
                to_json(
                    [
                        journey.instance.context,
                        journey.waiting.payload.request and journey.waiting.payload.request.body,
                    ]
                )
            )
        )
        journey.history.clear()
        journey.decisions.clear()
    assert journey.instance.iterations == {"loop": 10_000}
    assert max(sizes) == min(sizes)


def test_a_definition_that_spins_fails_its_workflow() -> None:
    """Its workflow fails with an error after a bounded number of steps."""
    loop = a_definition(a_wait("rest", delay="1s"), a_goto("rest", "back"))
    steps = (
        a_definition(a_goto("b", "a"), a_goto("last", "b"), a_wait("last")).steps[0],
        *a_definition(a_goto("a", "b"), a_wait("a")).steps[:1],
    )
    spinning = Definition(
        type="x",
        version=1,
        name="x",
        steps=steps,
        retry=loop.retry,
        max_reclaims=5,
        cancel_attempts=3,
    )
    journey = Journey(spinning)
    assert journey.waiting.phase is Phase.TIMER
    decision = journey.succeed()
    assert decision.instance.status == "failed"
    assert str(decision.instance.last_error).startswith("spinning: ")
    assert len(decision.history) <= 3
