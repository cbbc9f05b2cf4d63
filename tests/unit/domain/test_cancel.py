"""Cancelling a job: after a stop, and after a step's timeout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flamebot.domain.decision import Decision
from flamebot.domain.failure import CANCEL_LOOKS
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Continue, Defer, Done, Fail, LeaseExpired, Outcome, Retry
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.domain.task import EffectRequest, Payload, Phase, Task
from tests.unit.domain.builders import (
    NOON,
    a_definition,
    a_swipe,
    a_task,
    a_wait,
    an_instance,
    decided,
    names,
    seconds,
)

REQUEST = EffectRequest(
    method="POST", path="/accounts/{accountId}/swipe-tasks", body={"count": 5, "spectre": {}}
)
SUCCEEDED = Done(
    result={"job_id": "j", "job_status": "succeeded", "job_result": {"performed": 5, "matches": 2}}
)
RESULT = {"requested": 5, "performed": 5, "matches": 2}


def a_cancel(reason: str, *, polls: int = 0, **fields: Any) -> Task:
    """Return a cancel task that was begun."""
    payload = Payload(
        request=REQUEST, job_id="j", key="k", reason=reason, started_at=NOON, polls=polls
    )
    return a_task("swipe", Phase.CANCEL, payload=payload, **fields)


def decision_of(
    reason: str,
    outcome: Outcome,
    *,
    critical: bool = True,
    stopping: bool = False,
    now: timedelta = timedelta(),
    **task: Any,
) -> Decision:
    """Return the decision about a cancel's outcome."""
    status = InstanceStatus.STOPPING if stopping or reason == "stop" else InstanceStatus.ACTIVE
    definition = a_definition(a_swipe(critical=critical, maxAttempts=1), a_wait("rest"))
    return decided(
        definition,
        a_cancel(reason, **task),
        outcome,
        instance=an_instance(status=status),
        now=NOON + now,
    )


def test_a_stop_ends_when_the_job_is_cancelled() -> None:
    """The instance is stopped, and the history has the step as cancelled."""
    decision = decision_of("stop", Done(result={"job_id": "j", "job_status": "cancelled"}))
    assert (decision.instance.status, decision.instance.last_error, decision.next) == (
        "stopped",
        None,
        None,
    )
    assert names(decision.history) == ["swipe:cancelled"]


def test_a_job_that_was_quicker_than_the_stop_keeps_its_result() -> None:
    """The result is kept in the history and the context."""
    decision = decision_of("stop", SUCCEEDED)
    assert decision.instance.status == "stopped"
    assert decision.instance.context == {"swipe": RESULT}
    assert (names(decision.history), decision.history[0].result) == (["swipe:completed"], RESULT)


def test_after_a_timeout_the_step_has_failed() -> None:
    """A critical step fails the workflow; the cancel task itself is completed."""
    decision = decision_of("timeout", Done())
    assert decision.task is not None
    assert (decision.task.to, decision.task.outcome_unknown) == ("completed", False)
    assert decision.instance.status == "failed"
    assert str(decision.instance.last_error).startswith("step_timeout: ")


def test_after_a_timeout_a_step_that_is_not_critical_is_passed() -> None:
    """The workflow continues with the next step."""
    decision = decision_of("timeout", Done(), critical=False)
    assert decision.next is not None
    assert decision.next.step_id == "rest"
    assert names(decision.history) == ["swipe:failed"]


def test_a_job_that_was_quicker_than_its_timeouts_cancel_is_done() -> None:
    """The step has succeeded, although its timeout was over."""
    decision = decision_of("timeout", SUCCEEDED)
    assert decision.next is not None
    assert decision.next.step_id == "rest"
    assert names(decision.history) == ["swipe:completed"]
    assert decision.instance.context == {"swipe": RESULT}


def test_a_stop_after_a_timeout_ends_in_stopped() -> None:
    """A stop that comes later decides how the cancel ends."""
    assert decision_of("timeout", Done(), stopping=True).instance.status == "stopped"


def test_a_cancel_is_tried_as_often_as_the_engine_says() -> None:
    """The limit of a step's own attempts does not apply to the cancellation of its job."""
    decision = decision_of("stop", Retry(error="outcome_unknown: 503"), attempts=1)
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts) == ("pending", 2)
    assert decision.if_stopping is None


def test_a_stop_that_cannot_be_confirmed_says_so() -> None:
    """The error says that the job may still run; the workflow is stopped all the same."""
    for decision in (
        decision_of("stop", Retry(error="outcome_unknown: 503"), attempts=2),
        decision_of("stop", Fail(error="refused: 403")),
        decision_of("stop", LeaseExpired(error="lease_expired"), reclaims=5),
    ):
        assert decision.instance.status == "stopped"
        assert str(decision.instance.last_error).startswith("cancel_unconfirmed: ")


def test_a_timeout_that_cannot_be_confirmed_says_so() -> None:
    """The step has failed by its timeout; job id and key are kept, so that a retry can poll."""
    decision = decision_of("timeout", Fail(error="refused: 403"))
    assert decision.instance.status == "failed"
    assert "step_timeout" in str(decision.instance.last_error)
    assert "cancel_unconfirmed" in str(decision.instance.last_error)
    assert decision.task is not None
    assert decision.task.payload is not None
    assert (decision.task.payload.job_id, decision.task.payload.key) == ("j", "k")


def test_a_cancel_is_deferred_beyond_the_deadline_but_not_for_ever() -> None:
    """The step's timeout is over already, the grace period after it is not."""
    deferral = Defer(after=timedelta(minutes=5), reason="throttled")
    late = decision_of("timeout", deferral, now=timedelta(hours=3))
    assert seconds(late, since=NOON + timedelta(hours=3)) == 300
    assert (
        decision_of(
            "stop", deferral, polls=CANCEL_LOOKS, now=timedelta(hours=2) + GIVE_UP_AFTER
        ).instance.status
        == "stopped"
    )


def test_a_late_cancel_is_deferred_all_the_same() -> None:
    """One 429 must not leave a job at work, also if a paused workflow is stopped a day later."""
    decision = decision_of(
        "stop", Defer(after=timedelta(minutes=5), reason="throttled"), now=timedelta(days=1)
    )
    assert decision.task is not None
    assert decision.task.payload is not None
    assert (decision.task.to, decision.task.payload.polls) == ("pending", 1)


def test_a_late_cancel_is_tried_all_the_same() -> None:
    """One failed try must not leave a job at work, also long after the step's timeout."""
    decision = decision_of("stop", Retry(error="outcome_unknown: 503"), now=timedelta(days=1))
    assert decision.task is not None
    assert (decision.task.to, decision.task.attempts) == ("pending", 1)


def test_a_stop_that_meets_a_timeouts_last_try_has_the_job_cancelled_once_more() -> None:
    """Otherwise the workflow would be stopped without a warning that its job may be at work."""
    for decision in (
        decision_of("timeout", Fail(error="refused: 403")),
        decision_of("timeout", Fail(error="refused: 403"), critical=False),
    ):
        assert decision.if_stopping is not None
        assert (
            decision.if_stopping.phase,
            decision.if_stopping.run,
            decision.if_stopping.attempts,
        ) == (Phase.CANCEL, False, 0)
        assert (decision.if_stopping.payload.job_id, decision.if_stopping.payload.reason) == (
            "j",
            "stop",
        )


def test_a_cancel_whose_lease_expired_runs_again() -> None:
    """A stopping workflow always has its cancel task."""
    decision = decision_of("stop", LeaseExpired(error="lease_expired"))
    assert decision.task is not None
    assert decision.task.to == "pending"
    assert seconds(decision_of("stop", Continue()), since=NOON) == 45
