"""Deferrals, timeouts, reclaims and stops: what follows without a settling response."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import (
    Absent,
    Continue,
    Defer,
    Done,
    Fail,
    LeaseExpired,
    Outcome,
    Retry,
)
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import Payload, Phase
from tests.unit.domain.builders import (
    HOURS,
    JOB_FAILED,
    NOON,
    UNKNOWN,
    Journey,
    a_definition,
    a_swipe,
    a_task,
    a_wait,
    at,
    decided,
    seconds,
)


def test_a_deferral_is_no_attempt() -> None:
    """The same row runs later, with the reason as its error."""
    journey = at("swipe/submit")
    decision = journey.run(Defer(after=timedelta(seconds=50), reason="throttled"))
    assert seconds(decision, since=journey.now) == 50
    assert decision.task is not None
    assert (decision.task.attempts, decision.task.error, decision.history) == (0, "throttled", ())


@pytest.mark.parametrize("after", [timedelta(seconds=1), timedelta(minutes=1), HOURS, 30 * HOURS])
def test_deferrals_extend_the_steps_timeout_up_to_a_day(after: timedelta) -> None:
    """However the waits are cut: a step of ten minutes fails ten minutes and a day later."""
    journey = at("swipe/submit", a_swipe(timeout="10m"))
    began = journey.now
    late = timedelta(seconds=1) if after < HOURS else timedelta()
    while journey.instance.status is InstanceStatus.ACTIVE:
        decision = journey.run(Defer(after=after, reason="throttled: 429"), late=late)
    if late == timedelta():  # every moment was a deferral
        assert journey.now - began == GIVE_UP_AFTER + timedelta(minutes=10)
    assert str(decision.instance.last_error) == (
        "step_timeout: not finished within 10m (throttled: 429)"
    )
    assert decision.task is not None
    assert (decision.task.attempts, decision.task.outcome_unknown) == (0, False)


def test_a_wait_that_a_service_requests_extends_the_steps_timeout() -> None:
    """Retry-After beyond the timeout is kept, and the attempts after it are made."""
    journey = at("swipe/submit", a_swipe(timeout="1m"))
    requested = timedelta(minutes=30)
    decision = journey.run(replace(UNKNOWN, retry_after=requested))
    assert seconds(decision, since=journey.now) == requested.total_seconds()
    journey.succeed()
    assert journey.position == "swipe/poll"


def test_the_last_attempt_is_made_at_the_deadline() -> None:
    """A backoff that is too long for the rest of the step's time is cut there.

    The deadline counts when it is reached.
    """
    config = {"retryBackoffMs": "1d", "maxRetryDelayMs": "1d"}
    journey = Journey(a_definition(a_swipe(timeout="1m"), config=config))
    began = journey.now
    lost = Retry(error="not_ready: 425")
    journey.run(lost)
    assert journey.waiting.scheduled_for == began + timedelta(minutes=1)
    decision = journey.run(lost)
    assert journey.instance.status is InstanceStatus.FAILED
    assert str(decision.instance.last_error).startswith("step_timeout: not finished within 1m")


def test_only_a_response_after_the_deadline_is_a_timeout() -> None:
    """A late poll of a job that has finished is a success."""
    journey = at("swipe/poll", a_swipe(timeout="1m"))
    journey.run(Done(result={"performed": 5, "matches": 0}), late=HOURS)
    assert journey.instance.status is InstanceStatus.COMPLETED


def test_a_job_that_runs_past_the_deadline_is_cancelled() -> None:
    """The poll task is completed, and a cancel task follows at once."""
    journey = at("swipe/poll", a_swipe(timeout="1m"))
    key = journey.waiting.payload.key
    decision = journey.run(Continue(), late=timedelta(minutes=1))
    assert journey.position == "swipe/cancel"
    assert decision.next is not None
    assert decision.next.run
    assert (
        decision.next.payload.reason,
        decision.next.payload.job_id,
        decision.next.payload.key,
    ) == ("timeout", "job-1", key)
    assert decision.if_stopping is not None
    assert (
        decision.if_stopping.payload.reason,
        decision.if_stopping.payload.job_id,
        decision.if_stopping.run,
    ) == ("stop", "job-1", False)


def test_time_in_a_pause_does_not_count() -> None:
    """Neither the instance's own pauses nor global ones since the step began."""
    payload = Payload(
        started_at=NOON, paused_ms=60_000, global_paused_ms=500_000, job_id="j", key="k"
    )
    definition, task = (
        a_definition(a_swipe(timeout="1m")),
        a_task("swipe", Phase.POLL, attempts=1, payload=payload),
    )
    for elapsed, cancelled in ((179, False), (180, True)):
        decision = decided(
            definition, task, Continue(), now=NOON + timedelta(seconds=elapsed), paused=560_000
        )
        assert (decision.next is not None) == cancelled


def test_the_steps_clock_starts_with_its_first_outcome() -> None:
    """The time in the queue and earlier pauses do not count."""
    payload = Payload(paused_ms=999)
    decision = decided(
        a_definition(a_swipe()),
        a_task("swipe", Phase.SUBMIT, payload=payload),
        LeaseExpired(error="lease_expired"),
        paused=77,
    )
    assert decision.task is not None
    assert decision.task.payload is not None
    assert (
        decision.task.payload.started_at,
        decision.task.payload.paused_ms,
        decision.task.payload.global_paused_ms,
    ) == (NOON, 0, 77)


@pytest.mark.parametrize(
    "outcome",
    [
        Defer(after=timedelta(seconds=1), reason="throttled"),
        Retry(error="outcome_unknown: 503", unknown=True),
    ],
)
def test_a_poll_without_a_response_is_repeated(outcome: Defer | Retry) -> None:
    """Also past the deadline, since the job may have finished; but only up to a limit."""
    journey = at("swipe/poll", a_swipe(timeout="1m"))
    journey.run(outcome, late=HOURS)
    assert (journey.position, journey.waiting.attempts) == ("swipe/poll", 1)
    decision = journey.run(outcome, late=GIVE_UP_AFTER)
    assert journey.instance.status is InstanceStatus.FAILED
    assert str(decision.instance.last_error).startswith("outcome_unknown: ")
    assert decision.task is not None
    assert decision.task.outcome_unknown


def test_a_task_whose_lease_expired_runs_again_at_once() -> None:
    """No attempt is counted. The outcome of a submit whose lease expired is unknown."""
    for position, unknown in (("swipe/submit", True), ("swipe/poll", False), ("rest/timer", False)):
        journey = at(position, a_swipe(), a_wait("rest"))
        attempts = journey.waiting.attempts
        decision = journey.run(LeaseExpired(error="lease_expired"))
        assert seconds(decision, since=journey.now) == 0
        assert (journey.position, journey.waiting.attempts, journey.waiting.outcome_unknown) == (
            position,
            attempts,
            unknown,
        )


@pytest.mark.parametrize(
    ("error", "reclaims", "code"),
    [("lease_expired", 5, "crash_loop"), ("undeliverable", 0, "undeliverable")],
)
def test_a_task_that_crashes_repeatedly_fails(error: str, reclaims: int, code: str) -> None:
    """The fifth expired lease fails it, as does a message that no worker receives."""
    task = a_task("swipe", Phase.SUBMIT, reclaims=reclaims, attempts=1)
    decision = decided(a_definition(a_swipe()), task, LeaseExpired(error=error))
    assert str(decision.instance.last_error).startswith(f"{code}: ")
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "failed",
        1,
        True,
    )


def test_a_wait_that_crashes_repeatedly_is_passed() -> None:
    """A wait is not critical, so the workflow continues."""
    decision = decided(
        a_definition(a_wait(), a_swipe()),
        a_task("wait", Phase.TIMER, reclaims=5),
        LeaseExpired(error="lease_expired"),
    )
    assert decision.next is not None
    assert decision.next.step_id == "swipe"


@pytest.mark.parametrize(
    ("position", "outcome", "cancels"),
    [
        ("swipe/submit", Done(result={"job_id": "j"}), True),
        ("swipe/submit", UNKNOWN, True),
        ("swipe/submit", LeaseExpired(error="lease_expired"), True),
        ("swipe/submit", Fail(error="refused: 422"), False),
        ("swipe/submit", Absent(again=timedelta(seconds=30)), True),
        ("swipe/submit", Fail(error="outcome_unknown: sent long ago", unknown=True), True),
        ("swipe/poll", Fail(error="job_unknown: gone", unknown=True), True),
        ("swipe/submit", Defer(after=timedelta(seconds=1), reason="throttled"), False),
        ("swipe/poll", Continue(), True),
        ("swipe/poll", LeaseExpired(error="lease_expired"), True),
        ("swipe/poll", Done(result={}), False),
        ("swipe/poll", JOB_FAILED, False),
        ("rest/timer", Done(), False),
    ],
)
def test_a_stop_cancels_a_job_that_is_or_may_be_open(
    position: str, outcome: Outcome, cancels: bool
) -> None:
    """Exactly then a decision has a cancel task for a stop that came in the meantime."""
    journey = at(position, a_swipe(), a_wait("rest"))
    task = journey.waiting
    instead = journey.run(outcome).if_stopping
    assert (instead is not None) == cancels
    if instead is not None:
        key = task.task_id if task.phase is Phase.SUBMIT else task.payload.key
        assert (instead.phase, instead.payload.reason, instead.payload.key) == (
            Phase.CANCEL,
            "stop",
            key,
        )
