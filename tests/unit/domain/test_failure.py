"""The planner after phases that did not succeed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flamebot.domain.error_text import tidy
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Abort, Defer, Fail, LeaseExpired, Retry
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import Payload, Phase
from tests.unit.domain.builders import (
    HOURS,
    JOB_FAILED,
    NOON,
    UNKNOWN,
    a_definition,
    a_prompt,
    a_swipe,
    a_task,
    a_wait,
    at,
    decided,
    names,
    seconds,
)


def test_an_unknown_outcome_is_sent_again_under_the_same_key() -> None:
    """The same row and request, one more attempt, and a history entry."""
    journey = at("swipe/submit")
    before = journey.waiting
    decision = journey.run(UNKNOWN)
    after = journey.waiting
    assert (after.task_id, after.payload.request, after.attempts, after.outcome_unknown) == (
        before.task_id,
        before.payload.request,
        1,
        True,
    )
    assert names(decision.history) == ["swipe:retried"]
    assert 0 <= seconds(decision, since=journey.now) <= 30


def test_the_wait_keeps_the_law_of_backoff() -> None:
    """I8: at most 30 s after the first attempt, 60 s after the second, and so on to the cap."""
    definition = a_definition(a_swipe(maxAttempts=100, timeout="9d"))
    waits = []
    for attempts in range(99):
        decision = decided(definition, a_task("swipe", Phase.SUBMIT, attempts=attempts), UNKNOWN)
        waits.append(seconds(decision, since=NOON))
        assert 0 <= waits[-1] <= min(300, 30 * 2**attempts)
    assert min(waits) < 60
    assert max(waits) > 240


def test_an_attempt_is_never_sooner_than_retry_after() -> None:
    """Retry-After is a lower limit of the backoff."""
    journey = at("swipe/submit")
    decision = journey.run(replace(UNKNOWN, retry_after=timedelta(seconds=77)))
    assert seconds(decision, since=journey.now) == 77


def test_exhausted_attempts_fail_a_critical_step_and_its_workflow() -> None:
    """The limit is the definition's, and the error has the number of attempts."""
    journey = at("swipe/submit")
    for _ in range(3):
        decision = journey.run(Retry(error="not_ready: 425"))
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.instance.last_error == "not_ready: 425 (attempt 3 of 3)"
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts, decision.task.outcome_unknown) == (
        "failed",
        3,
        False,
    )
    assert names(journey.history) == ["swipe:retried", "swipe:retried", "swipe:failed"]


def test_a_step_that_is_not_critical_is_passed() -> None:
    """Its failure is recorded, and the workflow continues with the next step."""
    journey = at("swipe/submit", a_swipe(critical=False, maxAttempts=1), a_wait("rest"))
    decision = journey.run(Retry(error="connect: refused"))
    assert names(decision.history) == ["swipe:failed"]
    assert decision.instance.last_error is None
    assert journey.position == "rest/timer"
    assert journey.instance.status is InstanceStatus.ACTIVE


def test_a_job_that_failed_is_tried_again_under_a_new_key() -> None:
    """I5: a new task has the same request and continues the count of attempts."""
    journey = at("swipe/poll")
    request = journey.waiting.payload.request
    decision = journey.run(JOB_FAILED)
    assert decision.task is not None
    assert decision.task.to == "failed"
    new_key = journey.waiting
    assert (new_key.phase, new_key.task_id, new_key.attempts, new_key.payload.request) == (
        Phase.SUBMIT,
        "0b5c6f7e-1111-4222-8333-444455556666:3",
        1,
        request,
    )
    assert (new_key.payload.job_id, new_key.payload.key, new_key.outcome_unknown) == (
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Retry(error="connect: x"),
        Retry(error="e: x", retry_after=9 * HOURS),
        LeaseExpired(error="lease_expired"),
        Defer(after=HOURS, reason="x"),
        Defer(after=9 * HOURS, reason="x"),
    ],
)
def test_what_was_unknown_stays_so_until_the_service_has_said(
    outcome: Retry | LeaseExpired | Defer,
) -> None:
    """A later attempt without effect, a deferral, a timeout or a crash settles nothing."""
    for attempts in (1, 2):
        task = a_task("swipe", Phase.SUBMIT, attempts=attempts, outcome_unknown=True)
        decision = decided(a_definition(a_swipe()), task, outcome)
        assert decision.task is not None
        assert decision.task.outcome_unknown
        assert decision.if_stopping is not None


def test_a_definite_response_settles_an_unknown_outcome() -> None:
    """The service reports the job failed: no outcome is unknown, also after the last attempt."""
    task = a_task("swipe", Phase.SUBMIT, attempts=2, outcome_unknown=True)
    decision = decided(a_definition(a_swipe()), task, JOB_FAILED)
    assert decision.task is not None
    assert (decision.task.to, decision.task.outcome_unknown, decision.if_stopping) == (
        "failed",
        False,
        None,
    )


def test_a_job_fails_only_so_often() -> None:
    """Each job that failed is one failed attempt."""
    journey = at("swipe/submit")
    for _ in range(2):
        journey.succeed()
        journey.run(JOB_FAILED)
    journey.succeed()
    decision = journey.run(JOB_FAILED)
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.task is not None
    assert (decision.task.attempts, decision.task.outcome_unknown) == (3, False)
    assert [entry.attempt for entry in journey.history] == [1, 2, 3]


def test_a_new_key_keeps_the_text() -> None:
    """A text that was generated once is sent by every later attempt of the step."""
    journey = at("prompt/poll", a_prompt())
    journey.run(JOB_FAILED)
    assert journey.position == "prompt/submit"
    assert journey.waiting.payload.text == "A walk and a good book."


def test_a_permanent_failure_is_not_tried_again() -> None:
    """A refusal fails the step at its first attempt."""
    journey = at("swipe/submit")
    decision = journey.run(Fail(error="refused: the service answered 422"))
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.instance.last_error == "refused: the service answered 422"
    assert decision.task is not None
    assert not decision.task.outcome_unknown


def test_a_refusal_does_not_settle_what_was_unknown() -> None:
    """I5: an earlier request may have arrived, so no new key may follow."""
    task = a_task("swipe", Phase.SUBMIT, attempts=1, outcome_unknown=True)
    decision = decided(a_definition(a_swipe()), task, Fail(error="refused: 401"))
    assert decision.task is not None
    assert decision.task.outcome_unknown


def test_a_suspended_account_fails_the_workflow_whatever_critical_says() -> None:
    """The workflow fails without an attempt, and the account is marked as suspended."""
    journey = at("swipe/submit", a_swipe(critical=False), a_wait("rest"))
    decision = journey.run(Abort(error="account_suspended: the service says so"))
    assert journey.instance.status is InstanceStatus.FAILED
    assert decision.suspend_account
    assert decision.task is not None
    assert decision.task.attempts == 0


def test_an_error_is_stored_in_one_line() -> None:
    """It may come from the service: characters and length are limited."""
    assert tidy("a\x00b\nc\ud800") == "a b c "
    assert len(tidy("x" * 9999)) == 500


def test_exhausted_attempts_remember_what_was_unknown() -> None:
    """I5: if the last attempt sent nothing, an earlier one is looked up, and stays unknown."""
    task = a_task("swipe", Phase.SUBMIT, attempts=2, outcome_unknown=True)
    decision = decided(
        a_definition(a_swipe(maxAttempts=3)), task, Retry(error="database_unavailable: away")
    )
    assert decision.task is not None
    assert (decision.task.to, decision.task.outcome_unknown) == ("pending", True)


def test_a_timer_is_deferred_without_a_limit() -> None:
    """I6: a timer has no timeout, so its workflow continues however late."""
    journey = at("rest/timer", a_wait("rest"), a_swipe())
    journey.run(Defer(after=timedelta(minutes=1), reason="out_of_time"), late=GIVE_UP_AFTER + HOURS)
    assert (journey.position, journey.instance.status) == ("rest/timer", InstanceStatus.ACTIVE)


def test_what_was_unknown_is_so_when_the_time_is_over() -> None:
    """I5: after deferrals past the timeout an earlier request may still have arrived."""
    payload = Payload(started_at=NOON - HOURS)
    task = a_task("swipe", Phase.SUBMIT, attempts=1, outcome_unknown=True, payload=payload)
    decision = decided(
        a_definition(a_swipe(timeout="1m")),
        task,
        Defer(after=timedelta(minutes=2), reason="locked"),
    )
    assert decision.task is not None
    assert (decision.task.to, decision.task.outcome_unknown) == ("pending", True)
    assert decision.task.payload is not None
    assert str(decision.task.payload.look_up).startswith("step_timeout: ")


def test_a_poll_that_crashes_repeatedly_leaves_its_job_unknown() -> None:
    """I5: the job may be at work, so only its key may be used again."""
    payload = Payload(started_at=NOON, job_id="j", key="k")
    decision = decided(
        a_definition(a_swipe()),
        a_task("swipe", Phase.POLL, reclaims=5, payload=payload),
        LeaseExpired(error="lease_expired"),
    )
    assert decision.task is not None
    assert (decision.task.to, decision.task.outcome_unknown) == ("failed", True)
