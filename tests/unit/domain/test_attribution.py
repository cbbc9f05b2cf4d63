"""Whose fault a call without a response is: an attempt of the step, or the service's failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flamebot.domain.decision import Deferrals
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Defer, LeaseExpired, Retry
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.service_call import ServiceRecord
from tests.unit.domain.builders import (
    HOURS,
    JOB_FAILED,
    Journey,
    a_prompt,
    a_swipe,
    a_wait,
    at,
    seconds,
)

LOST = Retry(error="outcome_unknown: no response within 30 s", unknown=True, unanswered=True)
UNWRITTEN = Retry(error="writer: no response within 30 s", unanswered=True)
ANSWERED, SICK, SILENT = ServiceRecord


def submitting(**fields: Any) -> Journey:
    """Return a journey whose next task submits."""
    return at("swipe/submit", a_swipe(**fields), a_wait("rest"))


@pytest.mark.parametrize("record", [None, SICK, SILENT])
def test_a_call_that_its_service_left_unanswered_is_no_attempt(
    record: ServiceRecord | None,
) -> None:
    """Nothing shows that it is the fault of this work, however often it happens."""
    journey = submitting(maxAttempts=1)
    for _ in range(5):
        decision = journey.run(LOST, record=record)
        assert decision.task is not None
        assert (decision.task.to, decision.task.attempts) == ("pending", 0)
        assert decision.task.outcome_unknown
        assert decision.history == ()


def test_a_call_that_only_this_task_lost_is_an_attempt() -> None:
    """The first failure is no attempt: what the service did for others is known afterwards."""
    journey = submitting(maxAttempts=2)
    assert journey.run(LOST).history == ()
    (entry,) = journey.run(LOST, record=ANSWERED).history
    assert (entry.status, entry.attempt) == ("retried", 1)
    journey.run(LOST, record=ANSWERED)
    assert journey.waiting.payload.look_up == (
        "outcome_unknown: no response within 30 s (attempt 2 of 2)"
    )


def test_a_text_that_was_not_written_follows_the_same_rule() -> None:
    """An outage of the AI service consumes no attempt either."""
    journey = at("prompt/generate", a_prompt(maxAttempts=1))
    for record in (None, SICK, SILENT, SICK):
        journey.run(UNWRITTEN, record=record)
    assert journey.position == "prompt/generate"
    decision = journey.run(UNWRITTEN, record=ANSWERED)
    assert decision.instance.status == "failed"


def test_a_job_that_failed_is_an_attempt_whatever_the_service_did() -> None:
    """The response is about this work."""
    journey = at("swipe/poll", a_swipe(maxAttempts=2), a_wait("rest"))
    decision = journey.run(JOB_FAILED, record=SICK)
    assert [entry.status for entry in decision.history] == ["retried"]


def test_the_record_begins_anew_after_a_sick_time() -> None:
    """What a service answered before and after an outage says nothing about the outage."""
    journey = submitting()
    journey.run(LOST)
    first = journey.now
    assert journey.waiting.payload.unanswered_since == first
    journey.run(LOST, record=SILENT)
    assert journey.waiting.payload.unanswered_since == first
    journey.run(LOST, record=SICK)
    assert journey.waiting.payload.unanswered_since == journey.now
    journey.run(LOST, record=ANSWERED)
    assert journey.waiting.payload.unanswered_since == journey.now


def test_an_accepted_write_ends_the_record() -> None:
    """The poll of its job starts without one."""
    journey = submitting()
    journey.run(LOST)
    journey.succeed()
    payload = journey.waiting.payload
    assert (payload.unanswered, payload.unanswered_since) == (0, None)


def test_the_waits_grow_up_to_the_cap() -> None:
    """A service that is down is called less and less often, and never before it requested."""
    journey = submitting()
    waits = []
    for _ in range(12):
        decision = journey.run(LOST, record=SICK)
        waits.append(seconds(decision, since=journey.now))
    assert max(waits[:2]) < max(waits[-4:]) <= 300
    requested = timedelta(minutes=30)
    decision = journey.run(replace(LOST, retry_after=requested), record=SICK)
    assert seconds(decision, since=journey.now) == requested.total_seconds()


@pytest.mark.parametrize("timeout", ["10m", "30d"])
def test_an_outage_ends_a_step_after_a_day(timeout: str) -> None:
    """Outside the step's own time, however long that is; its write is looked up before it fails."""
    journey = submitting(timeout=timeout)
    began = journey.now
    while journey.waiting.payload.look_up is None:
        journey.run(LOST, record=SICK)
    assert GIVE_UP_AFTER <= journey.now - began < GIVE_UP_AFTER + timedelta(minutes=20)
    assert str(journey.waiting.payload.look_up) == (
        "outcome_unknown: no response within 30 s (given up after 1d)"
    )


def test_time_under_an_open_breaker_is_not_the_steps_own() -> None:
    """A task that waited three days for its service has its whole timeout left."""
    journey = submitting(timeout="10m")
    journey.run(LOST)
    journey.run(LOST, record=SICK, held_back=72 * HOURS)
    journey.succeed()
    assert journey.position == "swipe/poll"
    journey.poll(3)
    assert journey.instance.status is InstanceStatus.ACTIVE
    assert journey.position == "swipe/poll"


def test_the_history_sums_up_the_deferrals_of_a_step() -> None:
    """How often, for how long, and the code of the last one."""
    journey = submitting()
    journey.run(Defer(after=timedelta(seconds=40), reason="throttled: 429"))
    journey.run(Defer(after=timedelta(seconds=20), reason="denied: 401"))
    journey.finish()
    (entry, *_) = [one for one in journey.history if one.step_id == "swipe"]
    assert entry.deferrals == Deferrals(times=2, ms=60_000, code="denied")
    assert [one.deferrals for one in journey.history if one.step_id == "rest"] == [None]


def test_a_reclaim_stands_in_the_history() -> None:
    """A step that is minutes late says why."""
    journey = submitting()
    (entry,) = journey.run(LeaseExpired(error="lease_expired")).history
    assert (entry.status, entry.error) == ("reclaimed", "lease_expired")
