"""The planner when phases succeed: the order of tasks and their times."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Continue, Done
from flamebot.domain.step import EffectStep
from flamebot.domain.task import Phase
from tests.unit.domain.builders import (
    ACCOUNT,
    NOON,
    Journey,
    a_definition,
    a_goto,
    a_prompt,
    a_swipe,
    a_wait,
    names,
    seconds,
)


def test_a_wait_is_a_timer_at_the_end_of_its_delay() -> None:
    """No task runs before; the history entry starts with the delay."""
    journey = Journey(a_definition(a_wait(delay="30s"), a_swipe()))
    assert journey.position == "wait/timer"
    assert journey.waiting.scheduled_for == NOON + timedelta(seconds=30)
    journey.succeed()
    (entry,) = journey.history
    assert (entry.status, entry.started_at, entry.finished_at) == (
        "completed",
        NOON,
        NOON + timedelta(seconds=30),
    )
    assert journey.position == "swipe/submit"


def test_a_text_is_written_then_submitted_then_polled() -> None:
    """Generate, submit, poll; the request holds the generated text."""
    journey = Journey(a_definition(a_prompt()))
    assert journey.position == "prompt/generate"
    journey.succeed()
    assert journey.position == "prompt/submit"
    request = journey.waiting.payload.request
    assert request is not None
    assert (request.method, request.path, request.body) == (
        "PUT",
        "/accounts/{accountId}/prompt",
        {"text": "A walk and a good book."},
    )
    journey.succeed()
    assert journey.position == "prompt/poll"
    journey.succeed()
    assert journey.task is None
    assert journey.instance.context == {"prompt": {"text": "A walk and a good book."}}


def test_a_text_of_the_definition_is_submitted_at_once() -> None:
    """A text of the definition needs no generate phase."""
    journey = Journey(a_definition(a_prompt(text="Bread or rice?")))
    assert journey.position == "prompt/submit"
    assert journey.waiting.payload.request is not None
    assert journey.waiting.payload.request.body == {"text": "Bread or rice?"}


def test_a_phase_that_is_due_at_once_asks_to_run_at_once() -> None:
    """A submit after a generate is run at once; a task that has to wait, or a start, is not."""
    journey = Journey(a_definition(a_prompt(), a_swipe(delay="1m")))
    assert journey.decisions[0].next is not None
    assert not journey.decisions[0].next.run
    written = journey.succeed()
    assert written.next is not None
    assert written.next.run
    submitted = journey.succeed()
    assert submitted.next is not None
    assert not submitted.next.run
    polled = journey.succeed()
    assert polled.next is not None
    assert not polled.next.run
    assert seconds(polled, since=journey.now) == 60


def test_a_job_is_polled_after_2_5_15_and_then_every_30_seconds() -> None:
    """Each poll runs the same row; it is no attempt and makes no history entry."""
    journey = Journey(a_definition(a_swipe()))
    waits = [seconds(journey.succeed(), since=journey.now)]
    poll = journey.waiting
    for _ in range(5):
        decision = journey.run(Continue())
        waits.append(seconds(decision, since=journey.now))
    assert waits == [2, 5, 15, 30, 30, 30]
    assert (journey.waiting.task_id, journey.waiting.attempts) == (poll.task_id, 1)
    assert journey.history == []


def test_a_poll_knows_the_job_and_the_key() -> None:
    """The key is the submit task's id, and the step's clock continues."""
    journey = Journey(a_definition(a_swipe()))
    key = journey.waiting.task_id
    journey.succeed()
    payload = journey.waiting.payload
    assert (payload.job_id, payload.key, payload.started_at) == ("job-1", key, NOON)


def test_a_finished_job_is_recorded_and_remembered() -> None:
    """The result is in the task, the history and the context."""
    journey = Journey(a_definition(a_swipe(swipeCount=5)))
    journey.finish()
    result = {"requested": 5, "performed": 5, "matches": 1}
    assert journey.decisions[-1].task is not None
    assert journey.decisions[-1].task.result == result
    assert journey.history[0].result == result
    assert journey.instance.context == {"swipe": result}


def test_after_the_last_step_the_workflow_is_completed() -> None:
    """Its current step is one past the last one."""
    journey = Journey(a_definition(a_wait(), a_swipe()))
    journey.finish()
    assert journey.instance.status is InstanceStatus.COMPLETED
    assert journey.instance.current_step == 2
    assert names(journey.history) == ["wait:completed", "swipe:completed"]


def test_a_delay_begins_when_the_step_before_has_finished() -> None:
    """A delay is not shortened because the step before was late."""
    journey = Journey(a_definition(a_swipe("first"), a_swipe("second", delay="2m")))
    journey.succeed()
    decision = journey.run(Done(result={}), late=timedelta(seconds=40))
    assert seconds(decision, since=journey.now) == 120


def test_pure_steps_are_passed_in_the_same_commit() -> None:
    """A jump and a wait without a delay have no task, but history entries."""
    journey = Journey(
        a_definition(
            a_swipe("first"),
            a_goto("last", "skip"),
            a_wait("never"),
            a_wait("last", delay=0),
            a_goto("never", "back", maxIterations=1),
        )
    )
    journey.succeed()
    decision = journey.succeed()
    assert names(decision.history) == [
        "first:completed",
        "skip:completed",
        "last:completed",
        "back:completed",
    ]
    assert decision.instance.iterations == {"skip": 1, "back": 1}
    assert journey.position == "never/timer"


def test_a_jumps_delay_lies_between_it_and_its_target() -> None:
    """It is added to the target's own delay; without a jump it does not apply."""
    journey = Journey(
        a_definition(
            a_swipe(delay="10s"),
            a_goto("swipe", delay="1m", maxIterations=1),
            a_wait("rest", delay="1h"),
        )
    )
    journey.succeed()
    jumped = journey.succeed()
    assert seconds(jumped, since=journey.now) == 70
    journey.succeed()
    rested = journey.succeed()
    assert seconds(rested, since=journey.now) == 3600
    assert journey.position == "rest/timer"


def test_a_wait_after_a_jumps_delay_is_one_timer() -> None:
    """One timer task waits for both delays."""
    journey = Journey(
        a_definition(
            a_swipe(),
            a_goto("rest", delay="1m", maxIterations=3),
            a_wait("rest", delay=0),
            a_goto("swipe", "again", delay=1),
        )
    )
    journey.succeed()
    assert seconds(journey.succeed(), since=journey.now) == 60
    assert journey.position == "rest/timer"


def test_a_limit_counts_jumps() -> None:
    """Three jumps make four rounds; each jump has its own count."""
    journey = Journey(a_definition(a_swipe(), a_goto("swipe", delay="1m", maxIterations=3)))
    journey.finish()
    assert names(journey.history).count("swipe:completed") == 4
    assert journey.instance.iterations == {"loop": 3}
    assert journey.instance.status is InstanceStatus.COMPLETED


def test_a_limit_may_be_a_failure() -> None:
    """With onLimit: fail the workflow fails there, with an error."""
    journey = Journey(
        a_definition(a_swipe(), a_goto("swipe", delay="1m", maxIterations=1, onLimit="fail"))
    )
    journey.finish()
    assert journey.instance.status is InstanceStatus.FAILED
    assert journey.decisions[-1].instance.last_error == "goto_limit: jumped 1 times to swipe"
    assert names(journey.history)[-1] == "loop:failed"


def test_a_limit_that_fails_may_be_without_consequence() -> None:
    """If the jump is not critical, the workflow continues after its failure."""
    journey = Journey(
        a_definition(
            a_swipe(),
            a_goto("swipe", delay="1m", maxIterations=1, onLimit="fail", critical=False),
            a_wait("rest"),
        )
    )
    journey.finish()
    assert journey.instance.status is InstanceStatus.COMPLETED
    assert names(journey.history)[-2:] == ["loop:failed", "rest:completed"]


def test_each_wait_is_waited_out() -> None:
    """Two waits take the sum of their delays."""
    journey = Journey(a_definition(a_wait("one", delay="30s"), a_wait("two", delay="1m")))
    decision = journey.succeed()
    assert (journey.position, seconds(decision, since=journey.now)) == ("two/timer", 60)
    journey.succeed()
    assert journey.now == NOON + timedelta(seconds=90)


def test_a_workflow_of_pure_steps_only_has_one_timer() -> None:
    """A live instance always has a task, so it starts with a timer."""
    journey = Journey(a_definition(a_goto("rest", "skip"), a_wait("rest", delay=0)))
    assert (journey.position, journey.waiting.scheduled_for) == ("skip/timer", NOON)
    journey.finish()
    assert journey.instance.status is InstanceStatus.COMPLETED
    assert names(journey.history) == ["skip:completed", "rest:completed"]


def test_numbers_are_drawn_when_the_task_is_created() -> None:
    """The request is complete from then on; an attempt only sends it."""
    journey = Journey(a_definition(a_wait(), a_swipe(swipeCount={"min": 1, "max": 300})))
    journey.succeed()
    request = journey.waiting.payload.request
    assert journey.waiting.phase is Phase.SUBMIT
    assert request is not None
    assert 1 <= int(str(request.body["count"])) <= 300


def test_a_step_may_name_another_model() -> None:
    """A prompt's own model and channel are used before the account's."""
    step = a_definition(a_prompt(model="m2", channel="c2")).steps[0]
    assert isinstance(step, EffectStep)
    brief = step.behaviour.text_brief(ACCOUNT, "seed")
    assert brief is not None
    assert (brief.model_id, brief.channel_id) == ("m2", "c2")


def test_a_wait_of_any_length_ends() -> None:
    """Lengths beyond 24.8 days, a year and the calendar end."""
    for delay in ("400d", 2**53, "99999999999d"):
        journey = Journey(a_definition(a_wait(delay=delay), a_wait("after", delay=delay)))
        journey.finish()
        assert journey.instance.status is InstanceStatus.COMPLETED
