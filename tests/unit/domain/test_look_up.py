"""A write of unknown outcome is looked up by its key before it is failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Abort, Absent, Defer, Done, Fail, LeaseExpired, Outcome, Retry
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import Phase
from tests.unit.domain.builders import (
    HOURS,
    UNKNOWN,
    Journey,
    a_definition,
    a_swipe,
    a_task,
    at,
    decided,
    names,
    seconds,
)

ABSENT = Absent(again=timedelta(seconds=30))
NOT_FOUND = "the service knows no job under its key"


def looking_up() -> Journey:
    """Return a journey whose write is looked up after its last attempt."""
    journey = at("swipe/submit")
    for _ in range(3):
        journey.run(UNKNOWN)
    return journey


@pytest.mark.parametrize(
    ("outcome", "attempts"),
    [
        (UNKNOWN, 3),
        (Retry(error="not_ready: 425"), 3),
        (Fail(error="refused: 422"), 3),
        (Fail(error="refused: 409", unknown=True), 3),
    ],
)
def test_the_end_of_the_attempts_leads_to_a_look_up(outcome: Outcome, attempts: int) -> None:
    """The same row, and so the same key; its attempts are counted, and the workflow goes on."""
    task = a_task("swipe", Phase.SUBMIT, attempts=2, outcome_unknown=True)
    decision = decided(a_definition(a_swipe()), task, outcome)
    assert decision.instance.status is None
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "pending",
        attempts,
        True,
    )
    assert decision.task.payload is not None
    assert decision.task.payload.look_up is not None
    assert decision.if_stopping is not None


def test_the_end_of_the_time_leads_to_a_look_up() -> None:
    """Whether an attempt or a deferral met it."""
    for outcome in (Retry(error="not_ready: 425"), Defer(after=HOURS, reason="denied: 401")):
        journey = at("swipe/submit", a_swipe(timeout="1m"))
        journey.run(UNKNOWN)
        journey.run(outcome, late=HOURS)
        assert journey.position == "swipe/submit"
        assert str(journey.waiting.payload.look_up).startswith("step_timeout: ")


def test_what_is_found_goes_on_as_if_it_had_been_submitted() -> None:
    """Its job is polled to its end, and no attempt is added."""
    journey = looking_up()
    decision = journey.run(Done(result={"job_id": "j7"}))
    assert journey.position == "swipe/poll"
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "completed",
        3,
        False,
    )
    payload = journey.waiting.payload
    assert (payload.job_id, payload.look_up, payload.absent) == ("j7", None, False)
    journey.finish()
    assert journey.instance.status is InstanceStatus.COMPLETED


def test_a_write_that_is_absent_twice_has_failed() -> None:
    """The first time its request may have been on its way; then it fails, unknown as before."""
    journey = looking_up()
    decision = journey.run(ABSENT)
    assert seconds(decision, since=journey.now) == 30
    assert journey.position == "swipe/submit"
    decision = journey.run(ABSENT)
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.instance.last_error == (
        f"outcome_unknown: the service answered 503 (attempt 3 of 3); {NOT_FOUND}"
    )
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "failed",
        3,
        True,
    )
    assert names(journey.history) == ["swipe:retried", "swipe:retried", "swipe:failed"]


def test_an_old_key_that_is_absent_is_looked_up_once_more() -> None:
    """It was never sent again, so it has no attempts to end."""
    task = a_task("swipe", Phase.SUBMIT, attempts=1, outcome_unknown=True)
    decision = decided(a_definition(a_swipe()), task, ABSENT)
    assert decision.task is not None
    assert decision.task.to == "pending"
    assert decision.task.payload is not None
    again = decided(a_definition(a_swipe()), replace(task, payload=decision.task.payload), ABSENT)
    assert str(again.instance.last_error).startswith("outcome_unknown: sent longer ago than")


@pytest.mark.parametrize(
    "outcome",
    [
        Defer(after=timedelta(minutes=1), reason="throttled: 429"),
        Retry(error="outcome_unknown: reset", unknown=True),
        Retry(error="outcome_unknown: 503", unknown=True, retry_after=9 * HOURS),
        Retry(error="not_ready: 425"),
    ],
)
def test_a_look_up_that_gets_no_response_is_repeated_up_to_a_limit(
    outcome: Defer | Retry,
) -> None:
    """It is a read: no attempt. The engine gives up two hours after the step's timeout."""
    journey = looking_up()
    began = journey.now
    while journey.instance.status is InstanceStatus.ACTIVE:
        decision = journey.run(outcome)
        assert decision.task is not None
        assert (decision.task.attempts, decision.task.outcome_unknown) == (3, True)
    assert timedelta(hours=3) < journey.now - began < 3 * HOURS + GIVE_UP_AFTER
    assert "it could not be looked up in time" in str(decision.instance.last_error)


def test_a_look_up_that_is_refused_ends_it() -> None:
    """The error has both reasons."""
    journey = looking_up()
    decision = journey.run(Fail(error="refused: 400", unknown=True))
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.instance.last_error == (
        "outcome_unknown: the service answered 503 (attempt 3 of 3);"
        " its look-up failed (refused: 400)"
    )


def test_the_last_run_before_the_reclaim_limit_is_a_look_up() -> None:
    """A write that may have killed its workers is not failed without a look."""
    task = a_task("swipe", Phase.SUBMIT, reclaims=4, attempts=1)
    decision = decided(a_definition(a_swipe()), task, LeaseExpired(error="lease_expired"))
    assert decision.task is not None
    assert decision.task.payload is not None
    assert str(decision.task.payload.look_up).startswith("crash_loop: ")
    poll = a_task("swipe", Phase.POLL, reclaims=4, attempts=1)
    decision = decided(a_definition(a_swipe()), poll, LeaseExpired(error="lease_expired"))
    assert decision.task is not None
    assert decision.task.payload is not None
    assert decision.task.payload.look_up is None


def test_an_account_that_may_not_be_acted_on_fails_at_once() -> None:
    """The phase has looked up what was sent before (see the submit phase)."""
    task = a_task("swipe", Phase.SUBMIT, attempts=1, outcome_unknown=True)
    decision = decided(a_definition(a_swipe()), task, Abort(error="account_suspended: x"))
    assert decision.instance.status == "failed"
